"""Small talk: what people say beside their questions."""

from __future__ import annotations

import random

from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.noise import as_typed

_GRAMMAR = Grammar()
_TALK: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (
            "(hi|hello|hey|hallo|howdy|hiya|moin|greetings|salut|yo|good day|hello hello|hey you)"
            "( there| pocket| offgrid| friend| everybody| my friend| again| little one|)",
            "(good |)(morning|evening|afternoon)( pocket| to you| everyone|)",
            "(anybody|anyone|is somebody|are you) (there|here|home|awake|listening)",
            "(how are you|how do you do|how is it going|what's up|how are things|wie geht's)( today| pocket|)",
            "(nice|pleased|good) to (meet|see) you",
            "(i have|got|can i ask) a (question|problem|few questions)",
            "(start|begin|test|testing|test 1 2 3|hello world)",
            "(can|could|would) you (assist|help|support|advise) me( a bit| a little| with something| with a thing|)",
            "i need (help|your help|some help|assistance|advice)",
        ),
        ("Hello! I am Pocket, OffGrid's built-in guide. What would you like to know about OffGrid?",),
    ),
    (
        (
            "(thanks|thank you|thx|merci|ty|cheers|danke|many thanks|much appreciated|thanks a lot|thank you so much)"
            "( pocket| for the help| that helped| for that| my friend| a lot|)",
            "(great|perfect|wonderful|super|cool|nice|excellent|awesome|good|very good|well done|brilliant)"
            "( answer| thanks| thank you| work| job| that works|)",
            "(that|this|it) (helped|works|worked|was helpful|is what i needed|was all|is all|did it)",
            "(ok|okay|i see|got it|understood|alright|aha|clear|i understand|makes sense)( thanks| thank you| now|)",
        ),
        ("You are welcome. Ask me whenever you want to know more about OffGrid.",),
    ),
    (
        (
            "(bye|goodbye|good bye|see you|cu|ciao|tschuess|farewell|so long|good night|until tomorrow|see you later)"
            "( pocket| then| and thanks| for now| my friend|)",
            "(i have to|i must|i'll|i will|i need to) (go|leave|stop)( now| for today|)",
            "(that's|that is|this was) (it|all|everything) for (today|now)",
        ),
        ("Goodbye! `ctrl+q` quits OffGrid.",),
    ),
    (
        (
            "(tell|show|give|teach) me (something|a secret|anything|a trick|a tip|a hint|some tricks|a fun fact)"
            "( about offgrid| about this program| nobody knows| i don't know|)",
            "(any|some|more) (tips|tricks|hints|advice|secrets)( for me| for offgrid| for beginners|)",
            "surprise me",
        ),
        ("A tip: `ctrl+p` opens the palette, a searchable list of every action. `?` shows the keys of this screen.",),
    ),
)


class Talk:
    def pair(self, random_: random.Random) -> tuple[str, str]:
        """Something said in passing, and the answer."""
        asked, answers = random_.choices(_TALK, (5, 4, 2, 1))[0]
        return as_typed(_GRAMMAR.sample(random_.choice(asked), random_), random_), random_.choice(answers)
