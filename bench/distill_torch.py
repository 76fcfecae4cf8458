#!/usr/bin/env python3
"""Steps of training in PyTorch: a Llama with random weights, BF16, AdamW, all weights but the embedding. The work of
distill_speed.c, with nothing of ours in it; prints {"tokensPerSecond": ...}.

    python3 -m venv build/bench/torch && build/bench/torch/bin/pip install torch numpy      once, some gigabytes

`make bench B=distill` then runs it, or with the python that BENCH_TORCH names.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()
        d, f, kv = shape.width, shape.feed_forward, shape.width // shape.heads * shape.kv_heads
        self.shape = shape
        sizes = {"q": (d, d), "k": (d, kv), "v": (d, kv), "out": (d, d), "gate": (d, f), "up": (d, f), "down": (f, d)}
        for name, (rows, columns) in sizes.items():
            setattr(self, name, torch.nn.Linear(rows, columns, bias=False))
        self.before, self.between = torch.nn.Parameter(torch.ones(d)), torch.nn.Parameter(torch.ones(d))

    def heads(self, x, count, turns=None):
        rows, length, _ = x.shape
        x = x.view(rows, length, count, -1).transpose(1, 2)
        if turns is not None:
            half = x.shape[-1] // 2
            x = x * turns[0] + torch.cat((-x[..., half:], x[..., :half]), -1) * turns[1]
        return x.repeat_interleave(self.shape.heads // count, 1) if count != self.shape.heads else x

    def forward(self, x, turns):
        h = F.rms_norm(x, (self.shape.width,), self.before)
        q, k = self.heads(self.q(h), self.shape.heads, turns), self.heads(self.k(h), self.shape.kv_heads, turns)
        v = self.heads(self.v(h), self.shape.kv_heads)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(x.shape))
        h = F.rms_norm(x, (self.shape.width,), self.between)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embedding = torch.nn.Embedding(shape.vocabulary, shape.width)
        self.embedding.weight.requires_grad = False
        self.layers = torch.nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = torch.nn.Parameter(torch.ones(shape.width))
        size = shape.width // shape.heads
        angles = torch.outer(torch.arange(shape.length), 10000 ** -(torch.arange(0, size, 2) / size)).repeat(1, 2)
        self.register_buffer("turns", torch.stack((angles.cos(), angles.sin())))

    def forward(self, tokens, trained):
        """Logits of the trained positions alone."""
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.turns)
        x = F.rms_norm(x.flatten(0, 1)[trained], (x.shape[-1],), self.norm)
        return x @ self.embedding.weight.T


def step(model, optimiser, shape):
    for _ in range(shape.passes):
        tokens = torch.randint(0, shape.vocabulary, (shape.rows, shape.length))
        trained = torch.randperm(tokens.numel())[:int(tokens.numel() * shape.trained) + 1]
        labels = torch.randint(0, shape.vocabulary, trained.shape)
        (F.cross_entropy(model(tokens, trained).float(), labels) / shape.passes).backward()
    optimiser.step()
    optimiser.zero_grad()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("layers", "width", "heads", "kv-heads", "feed-forward", "vocabulary", "length", "rows", "passes",
                 "steps", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--trained", type=float, required=True, help="share of the positions")
    shape = parser.parse_args()
    torch.set_num_threads(shape.threads)
    model = Llama(shape).to(torch.bfloat16)
    optimiser = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-5)
    step(model, optimiser, shape)  # has much to touch for the first time
    begun = time.monotonic()
    for _ in range(shape.steps):
        step(model, optimiser, shape)
    seconds = time.monotonic() - begun
    print(json.dumps({"tokensPerSecond": shape.steps * shape.passes * shape.rows * shape.length / seconds}))


if __name__ == "__main__":
    main()
