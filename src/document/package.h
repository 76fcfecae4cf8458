/* package.h - docx and xlsx files from outside: a zip archive of XML parts
 * (ECMA-376 part 2), read with libzip and libxml2.
 *
 * The file is hostile. Bounds: limit(document_zip_entries) entries,
 * limit(document_inflated_bytes) read from all parts together, a part at most
 * limit(document_inflate_ratio) times its packed size past the first MiB, only
 * stored and deflated parts, XML without a DTD (so without entities), never a
 * look outside the file, elements nested 128 deep. What libzip and libxml2
 * allocate does not come from core/mem.h; the process that reads a document
 * has a limit on its memory (sandbox.h).
 *
 * Errors are ERROR_INVALID with a clause about the file ("the file is not a
 * zip archive"), or ERROR_NO_MEMORY. One thread at a time. */
#ifndef DOCUMENT_PACKAGE_H
#define DOCUMENT_PACKAGE_H

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define PACKAGE_PART_MAX 256 /* bytes of a part's name, NUL included */

struct package;

/* `bytes` must outlive the package. package_close(NULL) is legal. */
enum error_code package_open(struct str bytes, struct package **package, struct error *error) WARN_UNUSED;
void package_close(struct package *package);

/* An element's start, valid inside the handler. Names are local, without their prefix. */
struct xml_element {
    const void *attributes;
    int attribute_count;
};
struct str xml_attribute(const struct xml_element *element, const char *name); /* data NULL: none of that name */

/* Events of one part. False ends the parse early, without an error; the handler knows why. */
struct xml_handler {
    bool (*start)(void *ctx, struct str name, const struct xml_element *element);
    bool (*end)(void *ctx, struct str name);
    bool (*text)(void *ctx, struct str text); /* UTF-8; one run of text may come in pieces */
};

/* Parses the part `name` ("word/document.xml"). *is_there (may be NULL: then a
 * missing part is an error) says whether there is one. */
enum error_code package_parse(struct package *package, const char *name, const struct xml_handler *handler, void *ctx,
                              bool *is_there, struct error *error) WARN_UNUSED;

/* The bytes of a part, appended to `out`; no more than its maximum (ERROR_INVALID). *is_there as above. */
enum error_code package_read(struct package *package, const char *name, struct buf *out, bool *is_there,
                             struct error *error) WARN_UNUSED;

struct package_relation {
    struct str id;
    struct str type;               /* behind the last slash: "worksheet", "styles"... */
    char target[PACKAGE_PART_MAX]; /* the part's name inside the archive */
    struct package_relation *next;
};

/* The relations of `part` ("": of the package), in the order of the file, in
 * the package's memory; external ones are left out. *first is NULL without any. */
enum error_code package_relations(struct package *package, const char *part, struct package_relation **first,
                                  struct error *error) WARN_UNUSED;

/* The one with that ID, or NULL. */
const struct package_relation *package_relation_by_id(const struct package_relation *first, struct str id);

/* The first relation of that type, or NULL. */
const struct package_relation *package_relation_of(const struct package_relation *first, struct str type);

struct arena *package_arena(struct package *package);

#endif
