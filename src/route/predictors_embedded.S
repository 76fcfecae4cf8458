/* predictors_embedded.S - the predictors that are part of the program; a file that was not there when this was built is
 * empty. Paths are relative to the repository, where make runs. */
    .section .rodata
    .global route_general, route_general_end, route_desk, route_desk_end
    .balign 64
route_general:
#if __has_include("../../models/route-general.bin")
    .incbin "models/route-general.bin"
#endif
route_general_end:
    .balign 64
route_desk:
#if __has_include("../../models/route-desk.bin")
    .incbin "models/route-desk.bin"
#endif
route_desk_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
