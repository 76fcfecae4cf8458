/* embedded.c - see embedded.h; the bytes are in embedded.S. */
#include "engine/embedded.h"

extern const char embedded_desk_large[], embedded_desk_large_end[];
extern const char embedded_desk_small[], embedded_desk_small_end[];
extern const char embedded_aliases[], embedded_aliases_end[];
extern const char embedded_desk_student[], embedded_desk_student_end[];
extern const char embedded_desk_large_long[], embedded_desk_large_long_end[];
extern const char embedded_desk_small_long[], embedded_desk_small_long_end[];
extern const char embedded_demo[], embedded_demo_end[];
extern const char embedded_desk_eval[], embedded_desk_eval_end[];

struct str embedded_file(struct str name)
{
    static const struct {
        struct str name;
        const char *begin, *end;
    } files[] = {
        {{"desk-large.gguf", 15}, embedded_desk_large, embedded_desk_large_end},
        {{"desk-small.gguf", 15}, embedded_desk_small, embedded_desk_small_end},
        {{"aliases.yaml", 12}, embedded_aliases, embedded_aliases_end},
        {{"desk-student.gguf", 17}, embedded_desk_student, embedded_desk_student_end},
        {{"desk-large-long.gguf", 20}, embedded_desk_large_long, embedded_desk_large_long_end},
        {{"desk-small-long.gguf", 20}, embedded_desk_small_long, embedded_desk_small_long_end},
        {{"demo.json", 9}, embedded_demo, embedded_demo_end},
        {{"desk_eval.jsonl", 15}, embedded_desk_eval, embedded_desk_eval_end},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (str_eq(files[i].name, name) && files[i].begin != files[i].end)
            return (struct str){files[i].begin, (size_t)(files[i].end - files[i].begin)};
    return (struct str){NULL, 0};
}
