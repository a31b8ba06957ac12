"""What a message wants before any knowledge is asked: a person, a word of politeness, or nothing in words."""

import re
from typing import Literal

from domain.answering.words import vocabulary, words

Intent = Literal["person", "greeting", "thanks", "bye", "wordless"]

_GREETING = vocabulary(
    """
    hi hello hey hiya howdy greetings there good morning afternoon evening day everyone all team
    привет приветик приветствую здравствуйте здравствуй здрасте здрасьте хай хелло салют доброе добрый доброго утро
    утра день дня вечер вечера времени суток ночи всем вам
    hallo hola bonjour ciao salut ola guten tag moin buenos dias
    """
)
_THANKS = vocabulary(
    """
    thanks thank you thx ty cheers much very so many a lot great perfect awesome got it understood ok okay cool nice
    all right alright clear for your the help appreciate i wonderful excellent
    спасибо спс благодарю благодарна благодарен большое огромное пасиб пасибо сенкс ок окей ясно понятно понял поняла
    поняли отлично супер хорошо ладно здорово класс вам тебе за помощь ответ вас очень помогли помог все
    danke schon vielen dank gracias merci beaucoup grazie obrigado
    """
)
_BYE = vocabulary(
    """
    bye goodbye see you later take care have a good great nice day evening night cya ciao
    пока до свидания свиданья свидание всего доброго хорошего хорошего дня вечера вам прощайте удачи скорого
    tschuss adios revoir au
    """
)
# A message is small talk only if it also holds one of these: "you all" or "a good day" alone greets nobody.
_MARK: tuple[tuple[Intent, frozenset[str], frozenset[str]], ...] = (
    (
        "bye",
        _BYE | _THANKS,
        vocabulary("bye goodbye cya later пока свидания свиданья прощайте доброго скорого adios tschuss revoir"),
    ),
    (
        "thanks",
        _THANKS | _GREETING,
        vocabulary(
            """
            thanks thank thx ty cheers great perfect awesome got understood ok okay cool nice alright clear wonderful
            appreciate excellent спасибо спс благодарю благодарна благодарен пасиб пасибо сенкс ок окей ясно понятно
            понял поняла поняли отлично супер хорошо ладно здорово класс danke gracias merci grazie obrigado
            """
        ),
    ),
    (
        "greeting",
        _GREETING,
        vocabulary(
            """
            hi hello hey hiya howdy greetings morning afternoon evening day привет приветик приветствую здравствуйте
            здравствуй здрасте здрасьте хай хелло салют доброе добрый доброго hallo hola bonjour ciao salut ola
            tag moin buenos
            """
        ),
    ),
)

_RU_PERSON = (
    r"(?:(?:жив|реальн|настоящ)\w+ )?(?:оператор(?:а|у|ом|ы)?(?! (?:связи|сотов|мобильн))|человек(?:а|у|ом)?|людьми"
    r"|менеджер(?:а|у|ом)?|сотрудник(?:а|у|ом)?|консультант(?:а|у|ом)?|специалист(?:а|у|ом)?|жив(?:ым|ому|ого)"
    r"|(?:служб\w+ )?поддержк(?:у|ой|е)|администратор(?:а|у|ом)?)"
)
_EN_PERSON = (
    r"(?:humans?|(?:human |live |real |support |customer )*"
    r"(?:person|people|agent|operator|representative|rep|being|advisor|consultant|staff|manager)|someone|somebody"
    r"|(?:customer )?(?:support|service)(?: team| person| agent)?)"
)
_ARTICLES = r"(?:(?:a|an|the|your|some|any|one of your|actual|real|live) )*"
_ASKS = re.compile(
    "|".join(
        (
            # позовите / соедините / переключите ... с оператором
            r"(?<!\bне )\b(?:позов|позва|соедин|переключ|перевед|перевест|пригласи|подключи|вызов|вызва|свяж|связать"
            rf"|поговор|пообщ|говорить|общаться|переговор)\w* (?:(?!без )\w+ ){{0,3}}?(?!без ){_RU_PERSON}\b",
            # нужен / хочу / дайте / можно оператора
            r"(?<!\bне )\b(?:нуж(?:ен|на)|хочу|хотел\w* бы|дай(?:те)?|можно|надо)"
            rf" (?:мне |к |с |на |ли |вашего |живого |еще |другого )*{_RU_PERSON}\b(?! \w+ (?:сможет|поднимет))",
            r"\b(?:не хочу|хватит|надоело|устал\w*) (?:\w+ ){0,3}?(?:бот|робот)\w*",
            r"\bне (?:с|к) (?:ботом|роботом|боту|роботу)\b",
            rf"(?<!not )(?<!don't )(?<!n't want to )(?<!not want to )\b(?:talk|speak|chat)(?:ing)?(?: directly)?"
            rf" (?:to|with) {_ARTICLES}{_EN_PERSON}\b",
            rf"(?<!not )(?<!don't )\b(?:connect|transfer|put|switch|hand|forward|escalate|pass) (?:me|us|this)"
            rf"(?: over| through| on)? (?:to|with) {_ARTICLES}{_EN_PERSON}\b",
            r"(?<!not )(?<!don't )\b(?:want|need|get me|give me|i'd like|would like|can i have|call|is there)"
            rf" {_ARTICLES}(?:humans?|(?:human|live|real|support) (?:person|agent|operator|being|representative)"
            r"|operator|representative|agent|person)\b(?! (?:number|id|code|fee|to|who|for)\b)",
            r"\bnot (?:to |with )?(?:a |another )?(?:bot|robot|machine)\b",
            r"\b(?:don't|do not) want (?:to (?:talk|speak|chat) (?:to|with) )?"
            r"(?:a |this |the )?(?:bot|robot|machine)s?\b",
        )
    )
)
# Messages that name a person and nothing else: "оператора, пожалуйста", "human please".
_ONLY_PERSON = vocabulary(
    """
    оператор оператора оператору оператором человек человека человеком живой живого живым менеджер менеджера консультант
    консультанта сотрудник сотрудника специалист специалиста
    human agent operator representative person live real
    """
)
_NOT_ALONE = frozenset({"live", "real", "person", "специалист", "живой", "живого", "живым"})
_FILLER = vocabulary("пожалуйста плиз прошу срочно мне с please pls a an the now asap urgently i")


def intent(text: str) -> Intent | None:
    """What the message wants by its words alone; None for everything that needs knowledge."""
    found = words(text)
    if not any(character.isalnum() for character in text):
        return "wordless"
    if asks_for_person(text):
        return "person"
    said = frozenset(found)
    for kind, known, marks in _MARK:
        if said <= known and said & marks:
            return kind
    return None


def asks_for_person(text: str) -> bool:
    """Whether the customer explicitly asks for a person, in Russian or English."""
    found = words(text)
    left = [word for word in found if word not in _FILLER]
    if left and len(left) <= 3 and set(left) <= _ONLY_PERSON and (len(left) > 1 or left[0] not in _NOT_ALONE):
        return True
    return _ASKS.search(" ".join(found)) is not None


_IGNORANCE = re.compile(
    r"\b(?:i (?:do not|don't|am not able|can't|cannot) (?:know|find|have (?:any )?(?:information|details))"
    r"|(?:there is|there's) no information|(?:passages|documents) (?:do not|don't)"
    r"|(?:я )?не знаю\b|не могу найти|нет (?:такой )?информации|(?:ничего|не) (?:не )?(?:сказано|указано|нашел|нашла)"
    r"|ich wei(?:ß|ss) (?:es )?nicht|no (?:lo )?s[eé]\b|je ne sais pas)",
    re.IGNORECASE,
)


def admits_ignorance(text: str) -> bool:
    """Whether a model's answer without any source begins by saying that it does not know."""
    return _IGNORANCE.search(text[:160]) is not None
