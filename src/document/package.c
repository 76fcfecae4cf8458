/* package.c - opens the archive, finds parts by their relations and reads their XML, within bounds. Knows no
 * element's meaning. See package.h. */
#include "document/package.h"

#include <libxml/parser.h>
#include <stdio.h>
#include <zip.h>

#include "core/limits.h"

#define CHUNK ((size_t)65536)
#define DEPTH_MAX 128
#define RATIO_FREE_BYTES ((uint64_t)1 << 20) /* small parts may pack as well as they like */
#define ARENA_BYTES ((size_t)64 << 20)

struct package {
    zip_t *zip;
    uint64_t inflated; /* bytes read of all parts so far */
    struct arena arena;
};

/* --- the archive ------------------------------------------------------------------------------------ */

/* Word and Excel before 2007, and encrypted files of today, are OLE containers. */
static bool is_ole(struct str bytes)
{
    return str_starts(bytes, STR("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"));
}

static enum error_code open_zip(struct package *package, struct str bytes, struct error *error)
{
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes.data, bytes.len, 0, &why);
    package->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
    int problem = zip_error_code_zip(&why);
    zip_error_fini(&why);
    if (package->zip && zip_get_num_entries(package->zip, 0) > 0) /* no bytes at all open as an empty archive */
        return OK;
    if (source && !package->zip)
        zip_source_free(source);
    if (problem == ZIP_ER_MEMORY)
        return error_no_memory(error);
    if (is_ole(bytes))
        return error_set(error, ERROR_INVALID,
                         "the file is encrypted or of an older format; send it without a password, as docx or xlsx");
    return error_set(error, ERROR_INVALID, "the file is damaged: it is not a zip archive");
}

enum error_code package_open(struct str bytes, struct package **package, struct error *error)
{
    struct package *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    arena_init(&made->arena, ARENA_BYTES);
    enum error_code code = open_zip(made, bytes, error);
    if (code == OK && (uint64_t)zip_get_num_entries(made->zip, 0) > limit(document_zip_entries))
        code = error_set(error, ERROR_INVALID, "the file holds more than the limit of %llu files",
                         (unsigned long long)limit(document_zip_entries));
    if (code != OK) {
        package_close(made);
        return code;
    }
    *package = made;
    return OK;
}

void package_close(struct package *package)
{
    if (!package)
        return;
    if (package->zip)
        zip_discard(package->zip);
    arena_deinit(&package->arena);
    mem_free(package);
}

struct arena *package_arena(struct package *package)
{
    return &package->arena;
}

/* One part being read. */
struct part {
    struct package *package;
    const char *name;
    zip_file_t *file;
    uint64_t packed, inflated;
};

static enum error_code open_part(struct part *part, bool *is_there, struct error *error)
{
    zip_t *zip = part->package->zip;
    zip_stat_t stat;
    zip_stat_init(&stat);
    zip_int64_t index = zip_name_locate(zip, part->name, ZIP_FL_NOCASE);
    *is_there = index >= 0;
    if (index < 0)
        return OK;
    if (zip_stat_index(zip, (zip_uint64_t)index, 0, &stat) || !(stat.valid & ZIP_STAT_COMP_SIZE) ||
        !(stat.valid & ZIP_STAT_COMP_METHOD))
        return error_set(error, ERROR_INVALID, "the file is damaged: %s cannot be found in it", part->name);
    if (stat.valid & ZIP_STAT_ENCRYPTION_METHOD && stat.encryption_method != ZIP_EM_NONE)
        return error_set(error, ERROR_INVALID, "the file is encrypted; send it without its password");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
        return error_set(error, ERROR_INVALID, "the file is packed in a way that docx and xlsx do not have");
    part->packed = stat.comp_size;
    part->file = zip_fopen_index(zip, (zip_uint64_t)index, 0);
    if (!part->file)
        return error_set(error, ERROR_INVALID, "the file is damaged: %s cannot be unpacked", part->name);
    return OK;
}

static enum error_code read_part(struct part *part, char *chunk, size_t *len, struct error *error)
{
    zip_int64_t got = zip_fread(part->file, chunk, CHUNK);
    if (got < 0)
        return error_set(error, ERROR_INVALID, "the file is damaged: %s cannot be unpacked", part->name);
    *len = (size_t)got;
    part->inflated += (uint64_t)got;
    part->package->inflated += (uint64_t)got;
    if (part->package->inflated > limit(document_inflated_bytes))
        return error_set(error, ERROR_INVALID, "the file is too large: unpacked it has more than %llu bytes",
                         (unsigned long long)limit(document_inflated_bytes));
    if (part->inflated > RATIO_FREE_BYTES && part->inflated / limit(document_inflate_ratio) > part->packed)
        return error_set(error, ERROR_INVALID, "the file is refused: %s unpacks to more than %llu times its size",
                         part->name, (unsigned long long)limit(document_inflate_ratio));
    return OK;
}

/* --- XML -------------------------------------------------------------------------------------------- */

struct parse {
    xmlParserCtxtPtr parser;
    const struct xml_handler *handler;
    void *ctx;
    size_t depth;
    bool is_stopped; /* by the handler */
    const char *refusal;
};

static void stop(struct parse *parse, const char *refusal)
{
    parse->is_stopped = refusal == NULL;
    parse->refusal = refusal;
    xmlStopParser(parse->parser);
}

static bool is_over(const struct parse *parse)
{
    return parse->is_stopped || parse->refusal;
}

static struct str xml_str(const xmlChar *text)
{
    return str_of((const char *)text);
}

struct str xml_attribute(const struct xml_element *element, const char *name)
{
    const xmlChar *const *attributes = element->attributes; /* name, prefix, URI, value, its end */
    for (int i = 0; i < element->attribute_count; i++) {
        const xmlChar *const *attribute = attributes + 5 * i;
        if (str_eq(xml_str(attribute[0]), str_of(name)))
            return (struct str){(const char *)attribute[3], (size_t)(attribute[4] - attribute[3])};
    }
    return (struct str){0};
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
                     const xmlChar **namespaces, int attribute_count, int defaulted, const xmlChar **attributes)
{
    struct parse *parse = ctx;
    const struct xml_element element = {attributes, attribute_count};
    (void)prefix, (void)uri, (void)namespace_count, (void)namespaces, (void)defaulted;
    if (is_over(parse))
        return;
    if (++parse->depth > DEPTH_MAX)
        stop(parse, "its elements are nested too deep");
    else if (!parse->handler->start(parse->ctx, xml_str(name), &element))
        stop(parse, NULL);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct parse *parse = ctx;
    (void)prefix, (void)uri;
    if (is_over(parse))
        return;
    parse->depth--;
    if (!parse->handler->end(parse->ctx, xml_str(name)))
        stop(parse, NULL);
}

static void on_text(void *ctx, const xmlChar *text, int len)
{
    struct parse *parse = ctx;
    if (!is_over(parse) && !parse->handler->text(parse->ctx, (struct str){(const char *)text, (size_t)len}))
        stop(parse, NULL);
}

/* Entities come from a DTD and nowhere else; the format has none. */
static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
    (void)name, (void)external_id, (void)system_id;
    stop(ctx, "it has a DTD");
}

static enum error_code feed(struct part *part, struct parse *parse, char *chunk, struct error *error)
{
    size_t len = 1;
    while (len > 0) {
        enum error_code code = read_part(part, chunk, &len, error);
        if (code != OK)
            return code;
        int problem = xmlParseChunk(parse->parser, chunk, (int)len, len == 0);
        if (parse->refusal)
            return error_set(error, ERROR_INVALID, "the file is refused: %s: %s", part->name, parse->refusal);
        if (parse->is_stopped)
            return OK;
        if (problem == XML_ERR_NO_MEMORY)
            return error_no_memory(error);
        if (!parse->parser->wellFormed)
            return error_set(error, ERROR_INVALID, "the file is damaged: %s is not well-formed XML, line %d",
                             part->name, parse->parser->input ? parse->parser->input->line : 0);
    }
    return OK;
}

/* Some of libxml2's complaints go past the options to standard error, which carries our reason. */
static void ignore_complaint(void *ctx, const char *format, ...)
{
    (void)ctx, (void)format;
}

static enum error_code parse_xml(struct part *part, const struct xml_handler *handler, void *ctx, struct error *error)
{
    xmlSAXHandler sax = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_doctype,
    };
    struct parse parse = {.handler = handler, .ctx = ctx};
    xmlSetGenericErrorFunc(NULL, ignore_complaint);
    char *chunk = mem_alloc(CHUNK);
    parse.parser = chunk ? xmlCreatePushParserCtxt(&sax, &parse, NULL, 0, NULL) : NULL;
    if (!parse.parser) {
        mem_free(chunk);
        return error_no_memory(error);
    }
    xmlCtxtUseOptions(parse.parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    enum error_code code = feed(part, &parse, chunk, error);
    if (parse.parser->myDoc)
        xmlFreeDoc(parse.parser->myDoc);
    xmlFreeParserCtxt(parse.parser);
    mem_free(chunk);
    return code;
}

enum error_code package_parse(struct package *package, const char *name, const struct xml_handler *handler, void *ctx,
                              bool *is_there, struct error *error)
{
    struct part part = {.package = package, .name = name};
    bool is_found = false;
    enum error_code code = open_part(&part, &is_found, error);
    if (is_there)
        *is_there = is_found;
    if (code == OK && is_found)
        code = parse_xml(&part, handler, ctx, error);
    else if (code == OK && !is_there)
        code = error_set(error, ERROR_INVALID, "the file is damaged: it has no %s", name);
    if (part.file)
        zip_fclose(part.file);
    return code;
}

/* --- bytes ------------------------------------------------------------------------------------------ */

static enum error_code copy_part(struct part *part, char *chunk, struct buf *out, struct error *error)
{
    size_t len = 1;
    while (len > 0) {
        enum error_code code = read_part(part, chunk, &len, error);
        if (code != OK)
            return code;
        if (len > out->max - out->len)
            return error_set(error, ERROR_INVALID, "the file is too large: %s has more than %zu bytes", part->name,
                             out->max);
        if (!buf_append(out, chunk, len))
            return error_no_memory(error);
    }
    return OK;
}

enum error_code package_read(struct package *package, const char *name, struct buf *out, bool *is_there,
                             struct error *error)
{
    struct part part = {.package = package, .name = name};
    enum error_code code = open_part(&part, is_there, error);
    char *chunk = mem_alloc(CHUNK);
    if (code == OK && !chunk)
        code = error_no_memory(error);
    if (code == OK && *is_there)
        code = copy_part(&part, chunk, out, error);
    if (part.file)
        zip_fclose(part.file);
    mem_free(chunk);
    return code;
}

/* --- relations -------------------------------------------------------------------------------------- */

/* The name of a target, which is relative to the folder of `part` unless it begins with a slash. */
static bool resolve(const char *part, struct str target, char *out)
{
    const char *slash = strrchr(part, '/');
    size_t len = 0;
    if (target.len > 0 && target.data[0] == '/')
        target = str_slice(target, 1, target.len);
    else if (slash)
        len = (size_t)(slash - part) + 1;
    if (target.len == 0 || len + target.len >= PACKAGE_PART_MAX)
        return false;
    memcpy(out, part, len);
    while (str_starts(target, STR("../"))) {
        target = str_slice(target, 3, target.len);
        for (len -= len > 0; len > 0 && out[len - 1] != '/';)
            len--;
    }
    memcpy(out + len, target.data, target.len);
    out[len + target.len] = '\0';
    return true;
}

struct relations {
    struct package *package;
    const char *part;
    struct package_relation *first, *last;
    bool is_out_of_memory;
};

static bool keep_relation(struct relations *relations, const struct xml_element *element)
{
    struct arena *arena = &relations->package->arena;
    struct str type = xml_attribute(element, "Type");
    size_t from = type.len;
    while (from > 0 && type.data[from - 1] != '/')
        from--;
    struct package_relation *relation = ARENA_NEW(arena, struct package_relation);
    relations->is_out_of_memory = !relation || !arena_str(arena, xml_attribute(element, "Id"), &relation->id) ||
                                  !arena_str(arena, str_slice(type, from, type.len), &relation->type);
    if (relations->is_out_of_memory)
        return false;
    if (!resolve(relations->part, xml_attribute(element, "Target"), relation->target))
        return true;
    if (relations->last)
        relations->last->next = relation;
    else
        relations->first = relation;
    relations->last = relation;
    return true;
}

static bool on_relation(void *ctx, struct str name, const struct xml_element *element)
{
    if (!str_eq(name, STR("Relationship")) || str_eq(xml_attribute(element, "TargetMode"), STR("External")))
        return true;
    return keep_relation(ctx, element);
}

static bool on_relation_end(void *ctx, struct str name)
{
    (void)ctx, (void)name;
    return true;
}

enum error_code package_relations(struct package *package, const char *part, struct package_relation **first,
                                  struct error *error)
{
    static const struct xml_handler handler = {on_relation, on_relation_end, on_relation_end};
    struct relations relations = {.package = package, .part = part};
    char name[PACKAGE_PART_MAX + 16];
    const char *slash = strrchr(part, '/');
    int folder = slash ? (int)(slash - part) + 1 : 0;
    bool is_there;
    snprintf(name, sizeof(name), "%.*s_rels/%s.rels", folder, part, part + folder);
    enum error_code code = package_parse(package, name, &handler, &relations, &is_there, error);
    if (code == OK && relations.is_out_of_memory)
        code = error_no_memory(error);
    *first = code == OK ? relations.first : NULL;
    return code;
}

const struct package_relation *package_relation_by_id(const struct package_relation *first, struct str id)
{
    while (first && !str_eq(first->id, id))
        first = first->next;
    return first;
}

const struct package_relation *package_relation_of(const struct package_relation *first, struct str type)
{
    while (first && !str_eq(first->type, type))
        first = first->next;
    return first;
}
