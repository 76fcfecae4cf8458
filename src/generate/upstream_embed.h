/* upstream_embed.h - embeddings of upstreams of kind openai: the body that asks for them, and what they answer. Any
 * thread. */
#ifndef GENERATE_UPSTREAM_EMBED_H
#define GENERATE_UPSTREAM_EMBED_H

#include "chat/chat.h"
#include "core/buf.h"

/* Appends the body that asks for request->embed: the client's own with the model's name there, where it speaks the same
 * API. */
void upstream_embed_write(const struct chat_request *request, struct str model, struct buf *out);

/* Values lie in the arena. ERROR_MODEL: it is no answer to so many inputs. *has_usage: it says what it read. */
enum error_code upstream_embed_read(yyjson_val *root, size_t count, struct arena *arena,
                                    struct embeddings *embeddings, bool *has_usage, struct error *error) WARN_UNUSED;

#endif
