/* xml.h - the little XML that the S3 protocol carries, read and written.
 *
 * Reading knows elements, text, the five entities and character references,
 * comments, CDATA and processing instructions; attributes are skipped,
 * document types refused. Pure, any thread. */
#ifndef CORE_XML_H
#define CORE_XML_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

#define XML_DEPTH 8
#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

/* For each element at its end: names without prefix, `parent` "" at the root,
 * the text directly inside, in the arena. False stops, as an error does. */
typedef bool xml_element(void *ctx, struct str parent, struct str name, struct str text);

/* False: malformed, stopped, or out of memory. */
bool xml_read(struct str text, struct arena *arena, xml_element *on_element, void *ctx);

void xml_append_text(struct buf *out, struct str text); /* escaped */
void xml_append(struct buf *out, const char *name, struct str text); /* <name>text</name> */
void xml_append_u64(struct buf *out, const char *name, uint64_t value);
void xml_append_bool(struct buf *out, const char *name, bool value);

#endif
