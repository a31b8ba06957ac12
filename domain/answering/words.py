"""Words, the cheap way: enough to tell a follow-up from a question and one sentence of a passage from another."""

import re

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
STEM = 5  # letters that survive the endings of most Russian and English words


def vocabulary(text: str) -> frozenset[str]:
    """The words of a text between spaces."""
    return frozenset(text.split())


STOP_WORDS = vocabulary(
    """
    a an the is are am be been was were do does did done has have had will would can could may might shall should must
    i you he she it we they me him her us them my your his its our their mine yours this that these those there here
    what which who whom whose when where why how and or but if then so than as of at by for with about from to in on
    into out up off over not no nor yes too very just also please hello hi thanks ok okay get any some more much many
    i'm it's what's don't i'd i've isn't can't
    и а но да или либо если то что чтобы как так же бы ли не ни нет ну вот уже еще только тоже также при про для без до
    из от по под над за на в во с со к ко у о об обо через между я ты он она оно мы вы они мне меня мной тебе тебя ему
    его ей ее их им нам нас вам вас мой моя мое мои твой ваш ваша ваше ваши наш наша наше наши свой своя свое свои этот
    эта это эти тот та те там тут здесь туда сюда кто где куда откуда когда почему зачем какой какая какое какие каким
    какую сколько чем чего чему есть быть был была было были будет будут можно можете могу мочь надо нужно ещё её
    пожалуйста привет здравствуйте спасибо скажите подскажите подскажи скажи у вас
    """
)


def words(text: str) -> list[str]:
    """The words in lower case, with the Russian yo as ye."""
    return WORD.findall(text.lower().replace("ё", "е").replace("’", "'"))


def content_words(text: str) -> list[str]:
    """The words that carry meaning."""
    return [word for word in words(text) if word not in STOP_WORDS]


# Words for one thing that questions and pages do not share: a customer asks what it costs, the table says "Price".
SAME_THING = {
    stem: group.split()[0]
    for group in (
        "price cost costs fee fees tarif",
        "deliv ship shipp",
        "цена цены цене цену стоит стоим тариф",
        "возвр верну",
        "доста приве",
    )
    for stem in group.split()
}


def stems(text: str) -> set[str]:
    """Beginnings of the words that carry meaning; words for the same thing have one."""
    found = {word[:STEM] for word in content_words(text)}
    return {SAME_THING.get(stem, stem) for stem in found}
