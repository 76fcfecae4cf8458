/* embedded.S - the embedded models and data, as a read-only section of the
 * program. A file that was not there when this was built is empty. Paths are
 * relative to the repository, where make runs. */
#define EMBED(symbol, path) \
    .global symbol, symbol##_end; \
    .balign 64; \
symbol: .incbin path; \
symbol##_end: .byte 0
#define ABSENT(symbol) \
    .global symbol, symbol##_end; \
symbol: ; \
symbol##_end: .byte 0

    .section .rodata
#if __has_include("../../models/desk-large.gguf")
EMBED(embedded_desk_large, "models/desk-large.gguf")
#else
ABSENT(embedded_desk_large)
#endif
#if __has_include("../../models/desk-small.gguf")
EMBED(embedded_desk_small, "models/desk-small.gguf")
#else
ABSENT(embedded_desk_small)
#endif
#if __has_include("../../models/aliases.yaml")
EMBED(embedded_aliases, "models/aliases.yaml")
#else
ABSENT(embedded_aliases)
#endif
#if __has_include("../../models/desk_eval.jsonl")
EMBED(embedded_desk_eval, "models/desk_eval.jsonl")
#else
ABSENT(embedded_desk_eval)
#endif
#if __has_include("../../models/desk-student.gguf")
EMBED(embedded_desk_student, "models/desk-student.gguf")
#else
ABSENT(embedded_desk_student)
#endif
#if __has_include("../../models/desk-large-long.gguf")
EMBED(embedded_desk_large_long, "models/desk-large-long.gguf")
#else
ABSENT(embedded_desk_large_long)
#endif
#if __has_include("../../models/desk-small-long.gguf")
EMBED(embedded_desk_small_long, "models/desk-small-long.gguf")
#else
ABSENT(embedded_desk_small_long)
#endif
#if __has_include("../../models/demo.json")
EMBED(embedded_demo, "models/demo.json")
#else
ABSENT(embedded_demo)
#endif

    .section .note.GNU-stack, "", %progbits
