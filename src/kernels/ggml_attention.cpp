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

constexpr int64_t FEW_QUERIES = 64;          // up to so many, threads share out cells
constexpr int64_t SLICE_QUERIES = 16;        // that one thread looks at, at least
constexpr size_t  FEW_BYTES_MAX = 256 << 20; // of which pages are touched as far as cells are seen

// What threads share when there are few queries. Each slice of queries is looked at by one thread, which makes as many
// views of it as it takes; every query has room for a view of its own, and for its parts.
struct few {
    int64_t slice, slices;
    size_t  view_bytes, part_bytes; // of one query; parts: of all key heads and spans

    few(const attention & attention, int n_threads) {
        slice      = std::max(SLICE_QUERIES, (attention.queries + n_threads - 1) / n_threads);
        slices     = (attention.queries + slice - 1) / slice;
        view_bytes = GGML_PAD(kernels.view_bytes(&attention, (int) std::min(slice, attention.queries)), 64);
        part_bytes = kernels.part_floats(&attention, 1) * sizeof(float) * (size_t) kernels.spans_max(&attention) *
            (size_t) attention.kv_heads;
    }

    size_t bytes(const attention & attention) const {
        return 64 + (size_t) attention.queries * (sizeof(int) + 64 + view_bytes + part_bytes);
    }

    static bool is(const attention & attention, int n_threads) {
        return attention.queries <= FEW_QUERIES && few(attention, n_threads).bytes(attention) <= FEW_BYTES_MAX;
    }
};

class attention_traits : public ggml::cpu::tensor_traits {
  public:
    static bool can(const ggml_tensor * op) {
        const ggml_tensor * q = op->src[0], * k = op->src[1], * v = op->src[2], * mask = op->src[3];
        return q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 && v->type == GGML_TYPE_F16 &&
            k->ne[0] % 16 == 0 && v->ne[0] % 16 == 0 && q->ne[3] == 1 && k->ne[2] == v->ne[2] &&
            q->ne[2] % k->ne[2] == 0 && q->nb[0] == sizeof(float) && k->nb[0] == 2 && v->nb[0] == 2 &&
            (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[3] == 1));
    }

    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        const attention attention = of(op);
        size = own_bytes(attention) * (size_t) n_threads;
        for (int threads = 1; threads <= n_threads; threads++) { // those that compute may be fewer
            if (few::is(attention, threads)) {
                const size_t shared = few(attention, threads).bytes(attention);
                size = std::max(size, own_bytes(attention) * (size_t) threads + shared);
            }
        }
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        const attention attention = of(op);
        GGML_ASSERT(params->wsize >= own_bytes(attention) * (size_t) params->nth);
        void * own = (char *) params->wdata + (size_t) params->ith * own_bytes(attention);
        if (few::is(attention, params->nth)) {
            attend_few(params, attention, own, (char *) params->wdata + own_bytes(attention) * (size_t) params->nth);
        } else {
            attend_many(params, attention, own);
        }
        return true;
    }

  private:
    static size_t own_bytes(const attention & attention) {
        return GGML_PAD(kernels.attend_bytes(&attention, kernels.attend_queries(&attention)), 64);
    }

    // Pieces are some queries by some heads: as many heads as leave each thread something to do.
    static void attend_many(ggml_compute_params * params, const attention & attention, void * own) {
        const int together = kernels.attend_queries(&attention);
        const int64_t tiles = (attention.queries + together - 1) / together;
        const int64_t parts = std::min<int64_t>(attention.kv_heads, (params->nth * 2 + tiles - 1) / tiles);
        const int64_t heads = (attention.kv_heads + parts - 1) / parts;
        share_out(params);
        deal(params, tiles * parts, [&](int64_t piece) {
            const int64_t first = (tiles - 1 - piece / parts) * together, head = piece % parts * heads;
            if (head < attention.kv_heads) {
                kernels.attend(&attention, first, (int) std::min<int64_t>(together, attention.queries - first),
                               (int) head, (int) std::min<int64_t>(heads, attention.kv_heads - head), own);
            }
        });
    }

    static void attend_few(ggml_compute_params * params, const attention & attention, void * own, char * shared) {
        const few few(attention, params->nth);
        const size_t part_floats = few.part_bytes / sizeof(float);
        int * queries_of = (int *) shared; // of the view that begins with a query; 0: none does
        char * views = shared + GGML_PAD((size_t) attention.queries * sizeof(int), 64);
        float * parts = (float *) (views + (size_t) attention.queries * few.view_bytes);

        for (int64_t slice = params->ith; slice < few.slices; slice += params->nth) {
            const int64_t end = std::min(attention.queries, (slice + 1) * few.slice);
            memset(queries_of + slice * few.slice, 0, (size_t) (end - slice * few.slice) * sizeof(int));
            for (int64_t first = slice * few.slice; first < end; first += queries_of[first]) {
                const int count = (int) std::min<int64_t>(end - first, kernels.attend_queries(&attention));
                queries_of[first] = kernels.see(&attention, first, count, views + (size_t) first * few.view_bytes);
            }
        }
        share_out(params);
        for_parts(params, attention, queries_of, views, few, [&](int64_t first, int head, int spans, int span) {
            float * part = parts + (size_t) first * part_floats +
                (size_t) (head * spans + span) * kernels.part_floats(&attention, queries_of[first]);
            kernels.attend_span(&attention, views + (size_t) first * few.view_bytes, span, head, own, part);
        });
        ggml_barrier(params->threadpool);
        int64_t at = 0;
        for (int64_t first = 0; first < attention.queries; first++) {
            for (int head = 0; queries_of[first] && head < attention.kv_heads; head++) {
                if (at++ % params->nth == params->ith) {
                    void * view = views + (size_t) first * few.view_bytes;
                    kernels.join(&attention, view, head, parts + (size_t) first * part_floats +
                                 (size_t) (head * kernels.spans(view)) *
                                     kernels.part_floats(&attention, queries_of[first]));
                }
            }
        }
    }

    template <typename F>
    static void for_parts(ggml_compute_params * params, const attention & attention, const int * queries_of,
                          char * views, const few & few, F && f) {
        int64_t count = 0;
        for (int64_t first = 0; first < attention.queries; first++) {
            if (queries_of[first]) {
                count += attention.kv_heads * kernels.spans(views + (size_t) first * few.view_bytes);
            }
        }
        int64_t first = 0, begin = 0;
        deal(params, count, [&](int64_t part) { // parts come in their order
            for (;; first++) {
                const int spans = queries_of[first] ? kernels.spans(views + (size_t) first * few.view_bytes) : 0;
                if (part < begin + attention.kv_heads * spans) {
                    f(first, (int) ((part - begin) / spans), spans, (int) ((part - begin) % spans));
                    return;
                }
                begin += attention.kv_heads * spans;
            }
        });
    }

    // All threads are here; from now on they may `deal`.
    static void share_out(ggml_compute_params * params) {
        if (params->ith == 0) {
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
        }
        ggml_barrier(params->threadpool);
    }

    // Each thread gets the next piece when it is done with one.
    template <typename F> static void deal(ggml_compute_params * params, int64_t pieces, F && f) {
        for (int64_t piece = params->ith; piece < pieces; piece = ggml_threadpool_chunk_add(params->threadpool, 1)) {
            f(piece);
        }
    }

    static attention of(const ggml_tensor * op) {
        const ggml_tensor * q = op->src[0], * k = op->src[1], * v = op->src[2], * mask = op->src[3];
        const ggml_tensor * sinks = op->src[4], * positions = op->src[5];
        attention attention = {};
        attention.q = (const char *) q->data, attention.q_query = q->nb[1], attention.q_head = q->nb[2];
        attention.k = (const char *) k->data, attention.k_cell = k->nb[1], attention.k_head = k->nb[2];
        attention.v = (const char *) v->data, attention.v_cell = v->nb[1], attention.v_head = v->nb[2];
        attention.mask = mask ? (const char *) mask->data : nullptr, attention.mask_query = mask ? mask->nb[1] : 0;
        attention.positions = positions ? (const int32_t *) positions->data : nullptr;
        attention.sinks = sinks ? (const float *) sinks->data : nullptr;
        attention.out = (float *) op->data;
        attention.dk = (int) k->ne[0], attention.dv = (int) v->ne[0];
        attention.heads = (int) q->ne[2], attention.kv_heads = (int) k->ne[2];
        attention.queries = q->ne[1], attention.cells = k->ne[1];
        memcpy(&attention.scale, op->op_params, sizeof(float));
        memcpy(&attention.max_bias, (const float *) op->op_params + 1, sizeof(float));
        memcpy(&attention.softcap, (const float *) op->op_params + 2, sizeof(float));
        return attention;
    }
};

}  // namespace

ggml::cpu::tensor_traits * attention_traits_of(const ggml_tensor * op) {
    static attention_traits attention;
    return attention_traits::can(op) ? &attention : nullptr;
}

#endif
