/* prices_embedded.S - the price books that are part of the program. Paths are
 * relative to the repository, where make runs. */
    .section .rodata
    .global ledger_prices, ledger_prices_end, ledger_provider_prices, ledger_provider_prices_end
    .balign 64
ledger_prices:
    .incbin "prices/bedrock.yaml"
ledger_prices_end:
    .byte 0
ledger_provider_prices:
    .incbin "prices/providers.yaml"
ledger_provider_prices_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
