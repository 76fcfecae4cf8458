/* predictors_embedded.S - the predictor that is part of the program. The path is relative to the repository, where make
 * runs. */
    .section .rodata
    .global route_general, route_general_end
    .balign 64
route_general:
    .incbin "models/route-general.bin"
route_general_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
