"""Puts the generators together into conversations, in fixed shares and with a fixed seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tools.starter import heldout
from tools.starter.corpus.conversation import Conversation, assistant, user
from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.help import Help
from tools.starter.corpus.memory import Memory
from tools.starter.corpus.outside import Outside
from tools.starter.corpus.overlap import Guard
from tools.starter.corpus.passages import Passages
from tools.starter.corpus.talk import Talk
from tools.starter.corpus.tools import Tools
from tools.starter.corpus.words import Words

SHARES = {"chat": 46, "tools": 24, "passages": 18, "memory": 12}
_GRAMMAR = Grammar()
_SYSTEM = (
    "(You are|Be|Act as) (a |)(helpful|friendly|polite|brief|patient) (assistant|guide|expert)( of OffGrid|).",
    "(Answer|Reply) (briefly|in short sentences|politely|only what you know|in plain words).",
    "You are (Pocket|a guide|an assistant)(, the guide of OffGrid|). (Be brief.|Help the user.|)",
    "(Today is|The user is|This is) (Monday|an administrator|a test|a beginner).",
)


class Mixture:
    def __init__(self) -> None:
        words = Words(heldout.argument_words())
        self._help = Help()
        self._outside, self._talk = Outside(words), Talk()
        self._tools, self._passages = Tools(words), Passages(words)
        self._memory = Memory(words, self._help)
        self._guard = Guard()

    def conversations(self, count: int, seed: int) -> Iterator[Conversation]:
        """`count` conversations; the same `count` and `seed` give the same ones."""
        # A string seeds by its bytes, so it doesn't depend on hash randomisation.
        random_ = random.Random(f"pocket {seed}")
        kinds, weights = list(SHARES), list(SHARES.values())
        made = 0
        while made < count:
            conversation = self._draw(random_.choices(kinds, weights)[0], random_)
            if self._guard.allows(conversation):
                made += 1
                yield conversation

    def _draw(self, kind: str, random_: random.Random) -> Conversation:
        if kind == "tools":
            return self._with_system(self._tools.conversation(random_), random_)
        if kind == "memory":
            return self._with_system(self._memory.conversation(random_), random_)
        if kind == "passages":
            asked, answer = self._passages.pair(random_)
            return Conversation("passages", (user(asked), assistant(answer)))
        messages = []
        # A few are long, so that no answer depends on how far down the context it stands.
        for _ in range(random_.choices((1, 2, 3, 4, 9, 18), (54, 22, 13, 8, 2, 1))[0]):
            chance = random_.random()
            source = self._help if chance < 0.68 else self._outside if chance < 0.92 else self._talk
            asked, answer = source.pair(random_)
            messages += [user(asked), assistant(answer)]
        # Tools may be on offer without being wanted.
        tools = self._tools.offered(random_) if random_.random() < 0.14 else ()
        return self._with_system(Conversation("chat", tuple(messages), tools), random_)

    def _with_system(self, conversation: Conversation, random_: random.Random) -> Conversation:
        if random_.random() > 0.1:
            return conversation
        system = {"role": "system", "content": _GRAMMAR.sample(random_.choice(_SYSTEM), random_)}
        return Conversation(conversation.kind, (system, *conversation.messages), conversation.tools)
