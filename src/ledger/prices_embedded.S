/* prices_embedded.S - the price book that is part of the program. The path is
 * relative to the repository, where make runs. */
    .section .rodata
    .global ledger_prices, ledger_prices_end
    .balign 64
ledger_prices:
    .incbin "prices/bedrock.yaml"
ledger_prices_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
