/* native.h - the models' own bodies, for InvokeModel, by family. Each is a codec
 * of chat/codec.h. Any thread. */
#ifndef API_NATIVE_H
#define API_NATIVE_H

#include "chat/codec.h"

extern const struct codec anthropic_codec;
extern const struct codec nova_codec;
extern const struct codec llama_codec;
extern const struct codec titan_codec;
extern const struct codec mistral_codec;
extern const struct codec cohere_codec;
extern const struct codec chat_codec;  /* OpenAI's chat completions */
extern const struct codec claude_text_codec;
extern const struct codec jurassic_codec;
extern const struct codec converse_body_codec;

/* "amazon-bedrock-invocationMetrics":{...}, which rides on a native stream's last chunk. */
void native_append_metrics(struct buf *out, const struct chat_reply *reply);

#endif
