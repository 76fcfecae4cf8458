/* corpus_tokenizer.c - feeds rows to the vocabulary's trainer. See corpus_tokenizer.h. */
#include "distill/corpus_tokenizer.h"

static enum error_code count_corpus(const struct corpus *corpus, uint32_t most, struct bpe_trainer *trainer,
                                    struct error *error)
{
    uint32_t rows = corpus->row_count < most ? corpus->row_count : most;
    for (uint32_t i = 0; i < rows; i++) {
        struct str row = corpus->rows[i];
        if (example_count_words(row, trainer, error))
            return error_prefix(error, "%s: row at byte %zu", corpus->path, (size_t)(row.data - corpus->text.data));
    }
    return OK;
}

enum error_code corpus_tokenizer(const struct train_config *config, const struct corpus *corpora,
                                 struct tokenizer **tokenizer, struct error *error)
{
    struct bpe_trainer *trainer = bpe_trainer_new(config->tokenizer_digits);
    if (!trainer)
        return error_no_memory(error);
    enum error_code code = OK;
    for (size_t i = 0; !code && i < config->tokenizer_corpus_count; i++)
        code = count_corpus(&corpora[i], config->tokenizer_rows, trainer, error);
    if (!code)
        code = bpe_trainer_finish(trainer, config->model.vocabulary, tokenizer, error);
    bpe_trainer_free(trainer);
    return code;
}
