/* Citations of Converse: read from earlier replies and from those of upstreams, and written.
 *
 *   {"title", "source", "sourceContent": [{"text"}], "location": {KIND: {INDEX, "start", "end"}}}
 *   KIND and INDEX: documentChar, documentPage, documentChunk with documentIndex; searchResultLocation with
 *   searchResultIndex; web with url instead */
#include "api/bedrock/converse.h"

static const struct {
    const char *location, *index;
} kinds[] = {
    [CHAT_CITES_CHARACTERS] = {"documentChar", "documentIndex"},
    [CHAT_CITES_PAGES] = {"documentPage", "documentIndex"},
    [CHAT_CITES_BLOCKS] = {"documentChunk", "documentIndex"},
    [CHAT_CITES_SEARCH] = {"searchResultLocation", "searchResultIndex"},
    [CHAT_CITES_WEB] = {"web", NULL},
};

void converse_read_citation(yyjson_val *object, struct chat_citation *citation)
{
    yyjson_val *location = yyjson_obj_get(object, "location");
    *citation = (struct chat_citation){
        .kind = CHAT_CITES_WEB,
        .title = json_str(yyjson_obj_get(object, "title")),
        .link = json_str(yyjson_obj_get(object, "source")),
        .text = json_str(yyjson_obj_get(yyjson_arr_get(yyjson_obj_get(object, "sourceContent"), 0), "text")),
    };
    for (size_t i = 0; i < CHAT_CITES_WEB; i++) {
        yyjson_val *place = yyjson_obj_get(location, kinds[i].location);
        if (!yyjson_is_obj(place))
            continue;
        citation->kind = (enum chat_citation_kind)i;
        citation->index = fields_count(place, kinds[i].index);
        citation->first = fields_count(place, "start");
        citation->last = fields_count(place, "end");
    }
    yyjson_val *url = yyjson_obj_get(yyjson_obj_get(location, "web"), "url");
    if (yyjson_is_str(url))
        citation->link = json_str(url);
}

void converse_append_citation(struct buf *out, const struct chat_citation *citation)
{
    bool is_web = citation->kind == CHAT_CITES_WEB;
    buf_append_text(out, "{\"title\":");
    buf_append_json(out, citation->title);
    if (citation->link.len > 0 && !is_web) {
        buf_append_text(out, ",\"source\":");
        buf_append_json(out, citation->link);
    }
    if (citation->text.len > 0) {
        buf_append_text(out, ",\"sourceContent\":[{\"text\":");
        buf_append_json(out, citation->text);
        buf_append_text(out, "}]");
    }
    buf_appendf(out, ",\"location\":{\"%s\":{", kinds[citation->kind].location);
    if (is_web) {
        buf_append_text(out, "\"url\":");
        buf_append_json(out, citation->link);
    } else {
        buf_appendf(out, "\"%s\":%llu,\"start\":%llu,\"end\":%llu", kinds[citation->kind].index,
                    (unsigned long long)citation->index, (unsigned long long)citation->first,
                    (unsigned long long)citation->last);
    }
    buf_append_text(out, "}}}");
}
