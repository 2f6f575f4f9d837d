"""Chat templates are code from a stranger: they say what the prompt is, and can do no more than that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from offgrid_tui.engine.contract import ErrorCode, Generate, Message, Reasoning, Tool, ToolCall
from offgrid_tui.engine.worker.problem import Problem
from offgrid_tui.engine.worker.rendering import Renderer, RenderError
from offgrid_tui.engine.worker.template import Template
from tests.support import models
from tests.support.worker import GREEDY, worker
from tools.models.vocabulary import CHATML

HELLO = (Message("user", "Hello"),)
ASK = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    child = Renderer()
    yield child
    child.close()


def made(source: str | None, renderer: Renderer) -> Template:
    return Template(source, renderer, bos="<s>", eos="</s>")


def test_the_files_own_template_is_used(renderer: Renderer) -> None:
    template = made("{{ bos_token }}" + ASK + "{% if add_generation_prompt %}bot:{% endif %}", renderer)
    assert template.name == "gguf"
    assert template.warnings == []
    assert template.render(HELLO) == "<s>user: Hello\nbot:"


def test_blocks_are_trimmed_as_the_authors_of_templates_expect(renderer: Renderer) -> None:
    template = made(
        "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\n", renderer
    )
    assert template.render(HELLO) == "Hello\n"


def test_tools_calls_and_results_reach_it(renderer: Renderer) -> None:
    source = (
        ASK + "{% if tools is defined %}{{ tools | tojson }}{% endif %}"
        "{% for m in messages %}{% for c in m.tool_calls or [] %}"
        "{% for k, v in c.function.arguments.items() %}{{ c.function.name }} {{ k }}={{ v }};{% endfor %}"
        "{% endfor %}{{ m.tool_call_id }}{% endfor %}"
    )
    template = made(source, renderer)
    tool = Tool("now", "the time", {"type": "object", "properties": {"zone": {"type": "string"}}})
    call = Message("assistant", "", tool_calls=(ToolCall("c1", "now", {"zone": "ä", "n": 2}),))
    result = Message("tool", "noon", tool_call_id="c1")
    text = template.render((*HELLO, call, result), (tool,))
    assert '"name": "now"' in text
    assert "now zone=ä;now n=2;" in text
    assert text.endswith("c1")
    assert "tools" not in template.render(HELLO)


def test_arguments_are_text_where_the_template_wants_text(renderer: Renderer) -> None:
    source = ASK + "{% for m in messages if m.tool_calls %}{{ '>' + m.tool_calls[0].function.arguments }}{% endfor %}"
    call = Message("assistant", "", tool_calls=(ToolCall("c1", "now", {"zone": "ä"}),))
    assert made(source, renderer).render((*HELLO, call)).endswith('>{"zone": "ä"}')


def test_what_templates_do_in_the_wild(renderer: Renderer) -> None:
    for body in (
        "{% set ns = namespace(x=[]) %}{% for m in messages %}{% set _ = ns.x.append(m.role) %}{% endfor %}{{ ns.x }}",
        "{% for m in messages %}{% if loop.index > 5 %}{% break %}{% endif %}{% endfor %}",
        "{% generation %}{{ messages[-1].content }}{% endgeneration %}",
        "{{ strftime_now('%Y') }}",
        "{{ messages | tojson(indent=2) }}",
        "{%- macro show(m) -%}{{ m.content | trim }}{%- endmacro -%}{{ show(messages[0]) }}",
        "{{ messages[0].content.split('e')[-1].strip() }}{{ messages[0]['content'][:2] }}",
        "{% do messages.append({'role': 'x', 'content': ''}) %}",
    ):
        template = made(ASK + body, renderer)
        assert template.name == "gguf", (body, template.name)
        assert "Hello" in template.render(HELLO)


def test_reasoning_is_a_switch_of_the_template(renderer: Renderer) -> None:
    template = made(ASK + "{% if enable_thinking is defined and not enable_thinking %}quick{% endif %}", renderer)
    assert template.switches_thinking
    assert template.render(HELLO, reasoning=Reasoning("off")).endswith("quick")
    assert not template.render(HELLO).endswith("quick")


def test_a_system_prompt_that_the_template_refuses_goes_into_the_question(renderer: Renderer) -> None:
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + ASK
    for source in (
        refusing,
        "{% for m in messages if m.role != 'system' %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
    ):
        template = made(source, renderer)
        assert template.name == "gguf"
        assert "system prompt" in template.warnings[0]
        text = template.render((Message("system", "Be brief."), *HELLO, Message("assistant", "Hi")))
        assert text == "user: Be brief.\n\nHello\nassistant: Hi\n"


def test_what_the_template_refuses_is_said_in_its_own_words(renderer: Renderer) -> None:
    source = "{% if messages[0].role == 'assistant' %}{{ raise_exception('must begin with user') }}{% endif %}" + ASK
    with pytest.raises(Problem) as problem:
        made(source, renderer).render((Message("assistant", "Hi"),))
    assert problem.value.code is ErrorCode.BAD_REQUEST
    assert problem.value.detail == "must begin with user"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "the file has none"),
        ("", "the file has none"),
        ("{% for m in messages %}", "Unexpected end of template"),
        ("{{ undefined.attribute }}", "undefined"),
        ("nothing of it", "leaves the question out"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("x" * (2**20 + 1), "longer than"),
    ],
)
def test_chatml_stands_in_and_says_why(renderer: Renderer, source: str | None, reason: str) -> None:
    template = made(source, renderer)
    assert template.name.startswith("chatml (fall-back: ")
    assert reason in template.name
    assert "ChatML" in template.warnings[0]
    messages = (Message("system", "Be brief."), *HELLO)
    assert template.render(messages) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


HOSTILE = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a loop of loops in a filter": "{{ range(99999) | map('string') | map('center', 99999) | join }}",
    "ten gigabytes": "{{ 'a' * 10 ** 10 }}",
    "a wide field": "{{ 'a' | center(10 ** 10) }}",
    "a wide format": "{{ '%010000000000d' % 1 }}",
    "another wide format": "{{ '{:>10000000000}'.format(1) }}",
    "doubling": "{% set n = namespace(x='aaaa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "squaring": "{% set n = namespace(x='ababab') %}"
    "{% for i in range(9) %}{% set n.x = n.x.replace('a', n.x) %}{% endfor %}",
    "a great number": "{{ (9 ** (9 ** 9)) % 7 }}",
    "long lists": "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "growing lists": "{% set l = [1] %}{% for i in range(90) %}{% set _ = l.extend(l) %}{% endfor %}",
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "deep nesting": "(" * 90_000,
    "deep expressions": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "endless output": "{% for a in range(99999) %}{% for b in range(999) %}aaaaaaaaaaaaaa{% endfor %}{% endfor %}",
    "Python's insides": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a function's globals": "{{ raise_exception.__globals__['os'] }}",
    "format to the insides": "{{ '{0.__class__.__mro__}'.format(1) }}",
    "a file": "{% include '/etc/passwd' %}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_are_bounded(renderer: Renderer, name: str) -> None:
    with pytest.raises(RenderError):
        renderer.render(HOSTILE[name] + "{{ raise_exception('it went through') if false }}", {"messages": []}, 10_000)
    assert renderer.render("{{ 1 + 1 }}", {}, 100) == "2"


def test_the_renderer_cannot_be_had_for_good(renderer: Renderer) -> None:
    """What one template does to the environment, the next must not see."""
    spoiling = "{% set _ = messages.clear() %}{{ range.x if false }}{% set messages = 1 %}{% set range = 2 %}x"
    renderer.render(spoiling, {"messages": [1]}, 100)
    assert renderer.render("{{ messages }}{{ range(2) | list }}", {"messages": [1]}, 100) == "[1][0, 1]"


def test_a_broken_template_is_said_in_the_load_report(tmp_path: Path) -> None:
    with worker() as process:
        loaded = process.load(models.random_model(tmp_path, template="{% if %}"))
        assert loaded.template.startswith("chatml (fall-back: its own failed: line 1")
        assert any("ChatML" in warning for warning in loaded.warnings)
        assert process.generate("Hello").done.completion_tokens == 32


def test_a_template_that_breaks_later_fails_that_request_alone(tmp_path: Path) -> None:
    source = CHATML + "{% if messages | length > 1 %}{{ nothing.at.all }}{% endif %}"
    talk = (*HELLO, Message("assistant", "Hi"), Message("user", "And?"))
    with worker(models.random_model(tmp_path, template=source)) as process:
        other = process.ask("Hello", GREEDY)
        error = process.generate(Generate("talk", "m", talk)).error
        assert error.code is ErrorCode.TEMPLATE_BROKEN
        assert "undefined" in error.detail
        assert process.answer(other).done.completion_tokens == 32


def test_a_template_that_never_ends_can_be_cancelled(tmp_path: Path) -> None:
    source = "{% if messages | length > 1 %}" + HOSTILE["nested loops"] + "{% endif %}" + CHATML
    talk = (*HELLO, Message("assistant", "Hi"), Message("user", "And?"))
    with worker(models.random_model(tmp_path, template=source)) as process:
        process.send(Generate("slow", "m", talk))
        process.cancel("slow")
        assert process.answer("slow").done.completion_tokens == 0
        assert process.generate(Generate("bounded", "m", talk)).error.code is ErrorCode.TEMPLATE_BROKEN
        assert process.generate("Hello").done.completion_tokens == 32
