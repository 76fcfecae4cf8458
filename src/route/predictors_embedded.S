/* predictors_embedded.S - the predictors that are part of the program. Paths are relative to the repository, where make
 * runs. */
    .section .rodata
    .global route_general, route_general_end, route_desk, route_desk_end
    .balign 64
route_general:
    .incbin "models/route-general.bin"
route_general_end:
    .byte 0
    .balign 64
route_desk:
    .incbin "models/route-desk.bin"
route_desk_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
