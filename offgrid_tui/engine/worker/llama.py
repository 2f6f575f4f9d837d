"""A thin, typed wrapper of the part of llama.cpp's C interface that the worker uses.

The pointers of this interface are never None: they are tested for truth.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as native

_ATTRIBUTE_CONTROL = native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_UNKNOWN
_PIECE_BYTES = 512


def now_us() -> int:
    """llama.cpp's clock, in microseconds."""
    return int(native.llama_time_us())


class Vocabulary:
    """A model's tokens. Safe to use from several threads: llama.cpp only reads."""

    def __init__(self, model: Any) -> None:
        pointer = native.llama_model_get_vocab(model)
        assert pointer is not None
        self._pointer = pointer
        self.kind = native.llama_vocab_type(pointer)
        self.size = native.llama_vocab_n_tokens(pointer)
        self.adds_bos = bool(native.llama_vocab_get_add_bos(pointer))
        self.bos = native.llama_vocab_bos(pointer)
        self.eos = native.llama_vocab_eos(pointer)
        self._pieces: dict[int, bytes] = {}
        self._shown: set[int] = set()

    def tokenise(self, text: str) -> array[int]:
        """The tokens of `text`, special tokens by their names. Adds no BOS."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        while True:
            buffer = (ctypes.c_int32 * room)()
            count = native.llama_tokenize(self._pointer, data, len(data), buffer, room, False, True)
            if count >= 0:
                tokens = array("i")
                tokens.frombytes(memoryview(buffer).cast("B")[: count * 4])
                return tokens
            room = -count

    def prompt(self, text: str) -> array[int]:
        """The tokens of a rendered prompt, with BOS first where the model wants one and the template gave none."""
        tokens = self.tokenise(text)
        if self.adds_bos and 0 <= self.bos < self.size and (not tokens or tokens[0] != self.bos):
            tokens.insert(0, self.bos)
        return tokens

    def piece(self, token: int) -> bytes:
        """What is shown of a token: nothing of control tokens, but of those given to `show`."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self.text(token, special=token in self._shown)
        return piece

    def text(self, token: int, *, special: bool) -> bytes:
        """The bytes of a token; control tokens have theirs only if `special`."""
        room = _PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = native.llama_token_to_piece(self._pointer, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def special(self, token: int) -> str:
        """A special token as text; empty where the model has none (`token` < 0)."""
        return self.text(token, special=True).decode("utf-8", "replace") if 0 <= token < self.size else ""

    def ends_turn(self, token: int) -> bool:
        """Whether the token ends an answer (end of turn, end of text and their like)."""
        return bool(native.llama_vocab_is_eog(self._pointer, token))

    def show(self, text: str) -> bool:
        """Make the control tokens in `text` visible. True when `text` is one token, control or not."""
        tokens = self.tokenise(text)
        for token in tokens:
            if native.llama_vocab_get_attr(self._pointer, token) & _ATTRIBUTE_CONTROL:
                self._shown.add(token)
        return len(tokens) == 1


class Batch:
    """The tokens of one llama_decode: filled anew for each step, allocated once."""

    def __init__(self, capacity: int, sequences: int) -> None:
        self.capacity = capacity
        self.count = 0
        self._tokens = (ctypes.c_int32 * capacity)()
        self._positions = (ctypes.c_int32 * capacity)()
        self._outputs = (ctypes.c_int8 * capacity)()
        self._sequence_counts = (ctypes.c_int32 * capacity)(*[1] * capacity)
        self._sequence_ids = (ctypes.c_int32 * sequences)(*range(sequences))
        first = ctypes.addressof(self._sequence_ids)
        self._address = [first + 4 * index for index in range(sequences)]
        self._sequences = (ctypes.c_void_p * capacity)()
        self.native = native.llama_batch(
            n_tokens=0,
            token=ctypes.cast(self._tokens, ctypes.POINTER(ctypes.c_int32)),
            embd=None,
            pos=ctypes.cast(self._positions, ctypes.POINTER(ctypes.c_int32)),
            n_seq_id=ctypes.cast(self._sequence_counts, ctypes.POINTER(ctypes.c_int32)),
            seq_id=ctypes.cast(self._sequences, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8)),
        )

    def clear(self) -> None:
        self.count = 0

    def add(self, sequence: int, tokens: Sequence[int], position: int, *, output: bool) -> int:
        """Append `tokens` of one sequence; `output` asks for the logits of the last. Returns the last one's index."""
        start, end = self.count, self.count + len(tokens)
        if end > self.capacity:  # llama.cpp would abort the process
            raise ValueError(f"a batch of {end} tokens; at most {self.capacity} fit")
        address = self._address[sequence]
        if len(tokens) == 1:
            self._tokens[start] = tokens[0]
            self._positions[start] = position
            self._sequences[start] = address
        else:
            self._tokens[start:end] = list(tokens)
            self._positions[start:end] = list(range(position, position + len(tokens)))
            self._sequences[start:end] = [address] * len(tokens)
            ctypes.memset(ctypes.addressof(self._outputs) + start, 0, len(tokens))
        self._outputs[end - 1] = output
        self.count = self.native.n_tokens = end
        return end - 1


class AbortFlag:
    """Ends a running llama_decode from another thread.

    llama.cpp asks a callback before each node of its graph, a thousand times a token. A Python function there would
    fight for the interpreter's lock; the C library's `strlen` on one byte of ours needs none, and answers 0 for an
    empty string (go on) and 1 for a string of one character (stop).
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)
        strlen = ctypes.CDLL(None).strlen
        self.callback = ctypes.cast(strlen, native.ggml_abort_callback)
        self.data = ctypes.cast(self._text, ctypes.c_void_p)

    def set(self) -> None:
        self._text[0] = b"\x01"

    def clear(self) -> None:
        self._text[0] = b"\x00"


class Memory:
    """The KV cache (or recurrent state) of all sequences."""

    def __init__(self, context: Any, *, sliding_window: int, trimmable: bool) -> None:
        self._pointer = native.llama_get_memory(context)
        self._window = sliding_window
        self.trimmable = trimmable  # False: a state can only grow or be thrown away

    def length(self, sequence: int) -> int:
        """How many positions are filled, counted from 0."""
        return int(native.llama_memory_seq_pos_max(self._pointer, sequence)) + 1

    def trim(self, sequence: int, length: int) -> bool:
        """Keep the first `length` positions. False where that cannot be done: then the sequence is empty."""
        if length and native.llama_memory_seq_rm(self._pointer, sequence, length, -1) and self._whole(sequence, length):
            return True
        native.llama_memory_seq_rm(self._pointer, sequence, -1, -1)
        return length == 0

    def share(self, source: int, target: int, length: int) -> bool:
        """Give the first `length` positions of `source` to `target` too, instead of what it had. False: it is empty."""
        native.llama_memory_seq_rm(self._pointer, target, -1, -1)
        native.llama_memory_seq_cp(self._pointer, source, target, 0, length)
        return self.trim(target, length)

    def clear(self) -> None:
        native.llama_memory_clear(self._pointer, True)

    def _whole(self, sequence: int, length: int) -> bool:
        """Whether all that attention will ask for is there: a sliding window forgets what lies before it."""
        first = int(native.llama_memory_seq_pos_min(self._pointer, sequence))
        last = int(native.llama_memory_seq_pos_max(self._pointer, sequence))
        return last == length - 1 and first <= (max(0, length - self._window) if self._window else 0)
