// ggml_parts.h - what the files that ggml meets share.
#ifndef KERNELS_GGML_PARTS_H
#define KERNELS_GGML_PARTS_H

#include "ggml.h"
#include "traits.h"

// What computes this FLASH_ATTN_EXT: the kernels, or nullptr: ggml's own.
ggml::cpu::tensor_traits * attention_traits_of(const ggml_tensor * op);

#endif
