// ggml_attention.cpp - the attention kernels' place in ggml. Attention has no weights and so no place in a buffer, but
// the buffer type (ggml_buffer.cpp) is asked about every operation all the same. Part of no program of this folder.
#include "ggml-cpu-impl.h"
#include "traits.h"

#include "ggml_parts.h"
#include "kernels.h"
#include "lanes.h"

#include <algorithm>
#include <cstring>

#ifdef KERNELS_NAME

namespace {

const struct kernels & kernels = KERNELS_NAME;

class attention_traits : public ggml::cpu::tensor_traits {
  public:
    static bool can(const ggml_tensor * op) {
        const ggml_tensor * q = op->src[0], * k = op->src[1], * v = op->src[2], * mask = op->src[3];
        float max_bias, softcap;
        memcpy(&max_bias, (const float *) op->op_params + 1, sizeof(float));
        memcpy(&softcap, (const float *) op->op_params + 2, sizeof(float));
        return q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 && v->type == GGML_TYPE_F16 && max_bias == 0 &&
            softcap == 0 && !op->src[4] && k->ne[0] % 16 == 0 && v->ne[0] % 16 == 0 && q->ne[3] == 1 &&
            k->ne[2] == v->ne[2] && q->ne[2] % k->ne[2] == 0 && q->nb[0] == sizeof(float) && k->nb[0] == 2 &&
            v->nb[0] == 2 && (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[3] == 1));
    }

    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        const attention attention = of(op);
        size = stride(attention) * (size_t) n_threads;
        return true;
    }

    // Pieces are some queries by some heads: as many heads as leave each thread something to do.
    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        const attention attention = of(op);
        const int together = kernels.attend_queries(&attention);
        const int64_t tiles = (attention.queries + together - 1) / together;
        const int64_t parts = std::min<int64_t>(attention.kv_heads, (params->nth * 2 + tiles - 1) / tiles);
        const int64_t heads = (attention.kv_heads + parts - 1) / parts;
        char * work = (char *) params->wdata + (size_t) params->ith * stride(attention);
        GGML_ASSERT(params->wsize >= stride(attention) * (size_t) params->nth);
        for (int64_t piece = params->ith; piece < tiles * parts; piece += params->nth) {
            const int64_t first = piece / parts * together, head = piece % parts * heads;
            if (head < attention.kv_heads) {
                kernels.attend(&attention, first, (int) std::min<int64_t>(together, attention.queries - first),
                               (int) head, (int) std::min<int64_t>(heads, attention.kv_heads - head), work);
            }
        }
        return true;
    }

  private:
    static size_t stride(const attention & attention) {
        return GGML_PAD(kernels.attend_bytes(&attention), 64) + 64;
    }

    static attention of(const ggml_tensor * op) {
        const ggml_tensor * q = op->src[0], * k = op->src[1], * v = op->src[2], * mask = op->src[3];
        attention attention = {};
        attention.q = (const char *) q->data, attention.q_query = q->nb[1], attention.q_head = q->nb[2];
        attention.k = (const char *) k->data, attention.k_cell = k->nb[1], attention.k_head = k->nb[2];
        attention.v = (const char *) v->data, attention.v_cell = v->nb[1], attention.v_head = v->nb[2];
        attention.mask = mask ? (const char *) mask->data : nullptr, attention.mask_query = mask ? mask->nb[1] : 0;
        attention.out = (float *) op->data;
        attention.dk = (int) k->ne[0], attention.dv = (int) v->ne[0];
        attention.heads = (int) q->ne[2], attention.kv_heads = (int) k->ne[2];
        attention.queries = q->ne[1], attention.cells = k->ne[1];
        memcpy(&attention.scale, op->op_params, sizeof(float));
        return attention;
    }
};

}  // namespace

ggml::cpu::tensor_traits * attention_traits_of(const ggml_tensor * op) {
    static attention_traits attention;
    return attention_traits::can(op) ? &attention : nullptr;
}

#endif
