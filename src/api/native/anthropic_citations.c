/* Citations of the Anthropic body: read from earlier replies and from those of upstreams, and written.
 *
 *   {"type": KIND_location, "cited_text", INDEX, TITLE, FIRST, LAST}, or with "url" where the web is cited */
#include "api/native/anthropic.h"

static const struct {
    const char *type, *title, *index, *first, *last;
} kinds[] = {
    [CHAT_CITES_CHARACTERS] = {"char_location", "document_title", "document_index", "start_char_index",
                               "end_char_index"},
    [CHAT_CITES_PAGES] = {"page_location", "document_title", "document_index", "start_page_number", "end_page_number"},
    [CHAT_CITES_BLOCKS] = {"content_block_location", "document_title", "document_index", "start_block_index",
                           "end_block_index"},
    [CHAT_CITES_SEARCH] = {"search_result_location", "title", "search_result_index", "start_block_index",
                           "end_block_index"},
    [CHAT_CITES_WEB] = {"web_search_result_location", "title", NULL, NULL, NULL},
};

void anthropic_read_citation(yyjson_val *object, struct chat_citation *citation)
{
    size_t kind = CHAT_CITES_WEB;
    for (size_t i = 0; i < CHAT_CITES_WEB; i++)
        if (yyjson_equals_str(yyjson_obj_get(object, "type"), kinds[i].type))
            kind = i;
    bool is_web = kind == CHAT_CITES_WEB;
    *citation = (struct chat_citation){
        .kind = (enum chat_citation_kind)kind,
        .title = json_str(yyjson_obj_get(object, kinds[kind].title)),
        .link = json_str(yyjson_obj_get(object, is_web ? "url" : "source")),
        .text = json_str(yyjson_obj_get(object, "cited_text")),
    };
    if (is_web)
        return;
    citation->index = fields_count(object, kinds[kind].index);
    citation->first = fields_count(object, kinds[kind].first);
    citation->last = fields_count(object, kinds[kind].last);
}

void anthropic_append_citation(struct buf *out, const struct chat_citation *citation)
{
    enum chat_citation_kind kind = citation->kind;
    buf_appendf(out, "{\"type\":\"%s\",\"cited_text\":", kinds[kind].type);
    buf_append_json(out, citation->text);
    buf_appendf(out, ",\"%s\":", kinds[kind].title);
    buf_append_json(out, citation->title);
    if (kind == CHAT_CITES_WEB || kind == CHAT_CITES_SEARCH) {
        buf_append_text(out, kind == CHAT_CITES_WEB ? ",\"url\":" : ",\"source\":");
        buf_append_json(out, citation->link);
    }
    if (kind != CHAT_CITES_WEB)
        buf_appendf(out, ",\"%s\":%llu,\"%s\":%llu,\"%s\":%llu", kinds[kind].index,
                    (unsigned long long)citation->index, kinds[kind].first, (unsigned long long)citation->first,
                    kinds[kind].last, (unsigned long long)citation->last);
    buf_append_char(out, '}');
}

void anthropic_append_citations(struct buf *out, const struct chat_citation *citations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_text(out, i ? "," : ",\"citations\":[");
        anthropic_append_citation(out, &citations[i]);
    }
    if (count > 0)
        buf_append_char(out, ']');
}
