/* embedded.h - files that are part of the program (see embedded.S). */
#ifndef ENGINE_EMBEDDED_H
#define ENGINE_EMBEDDED_H

#include "core/str.h"

/* "desk-large.gguf", "desk-small.gguf", "desk-student.gguf", "aliases.yaml", "demo.json", "desk_eval.jsonl"; data NULL
 * when there is none. */
struct str embedded_file(struct str name);

#endif
