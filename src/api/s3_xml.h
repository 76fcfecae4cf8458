/* s3_xml.h - the little XML that S3 requests carry, and the XML of replies.
 *
 * Reading knows elements, text, the five entities and character references,
 * comments, CDATA and processing instructions; attributes are skipped,
 * document types refused. Pure, any thread. */
#ifndef API_S3_XML_H
#define API_S3_XML_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

#define S3_XML_DEPTH 8
#define S3_XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define S3_XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* For each element at its end: names without prefix, `parent` "" at the root,
 * the text directly inside, in the arena. False stops, as an error does. */
typedef bool s3_xml_element(void *ctx, struct str parent, struct str name, struct str text);

/* False: malformed, stopped, or out of memory. */
bool s3_xml_read(struct str text, struct arena *arena, s3_xml_element *on_element, void *ctx);

void s3_xml_append_text(struct buf *out, struct str text); /* escaped */
void s3_xml_append(struct buf *out, const char *name, struct str text); /* <name>text</name> */
void s3_xml_append_u64(struct buf *out, const char *name, uint64_t value);
void s3_xml_append_bool(struct buf *out, const char *name, bool value);

#endif
