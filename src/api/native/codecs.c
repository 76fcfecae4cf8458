/* Which codecs there are, and which of them read and write the bodies of models of each shape. */
#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "api/openai/chat.h"
#include "api/openai/responses.h"

/* Bodies that are no model's own. */
static const struct codec *const others[] = {&converse_codec, &openai_chat_codec, &openai_responses_codec};

/* Fields of families without a body of their own are read from the one that people know best. */
static const struct {
    enum body_shape shape;
    struct codec_pair pair;
} natives[] = {
    {BODY_ANTHROPIC, {&anthropic_codec, &anthropic_codec}},
    {BODY_NOVA, {&nova_codec, &nova_codec}},
    {BODY_LLAMA, {&llama_codec, &llama_codec}},
    {BODY_TITAN, {&titan_codec, &titan_codec}},
    {BODY_MISTRAL, {&mistral_codec, &mistral_codec}},
    {BODY_COHERE, {&cohere_codec, &anthropic_codec}},
    {BODY_CHAT, {&chat_codec, &chat_codec}},
    {BODY_JURASSIC, {&jurassic_codec, &anthropic_codec}},
    {BODY_CONVERSE, {&converse_body_codec, &anthropic_codec}},
};
_Static_assert(sizeof(natives) / sizeof(natives[0]) == BODY_SHAPES, "models of every shape have a codec");

void native_register(void)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        codec_register(others[i]);
    for (size_t i = 0; i < sizeof(natives) / sizeof(natives[0]); i++) {
        codec_register(natives[i].pair.body);
        codec_register_native(natives[i].shape, natives[i].pair);
    }
}
