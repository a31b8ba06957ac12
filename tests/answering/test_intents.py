"""What a message wants by its words: near misses matter as much as hits."""

import pytest

from domain.answering.intents import Intent, admits_ignorance, intent

PERSON = [
    "позовите оператора",
    "Оператор!",
    "оператора, пожалуйста",
    "Соедините меня с живым человеком",
    "Хочу поговорить с человеком",
    "можно оператора?",
    "Можно поговорить с кем-то из людей? Позовите менеджера",
    "переключите на оператора",
    "Мне нужен живой оператор",
    "дайте человека",
    "я не хочу общаться с ботом",
    "свяжите меня с поддержкой",
    "Живой человек",
    "не могли бы вы позвать сотрудника",
    "Привет! Соедините с консультантом, у меня сложный вопрос про палатку",
    "I want to talk to a human",
    "can i speak with a real person please",
    "agent",
    "Operator, please!",
    "human please",
    "connect me to an operator",
    "Transfer me to customer support",
    "I don't want to talk to a bot",
    "I need a human agent",
    "could you put me through to someone",
    "get me a person",
    "I’d like to chat with a representative about my order",
]
NOT_PERSON = [
    "Какой оператор связи доставляет смс?",
    "Сколько человек помещается в палатку?",
    "палатка на 4 человека",
    "не нужен оператор",
    "не соединяйте меня с оператором",
    "Можно ли вернуть товар без участия сотрудника магазина?",
    "Для сборки нужно два человека?",
    "Как связаться по телефону?",
    "менеджер сказал, что возврат бесплатный",
    "How many people fit into the tent?",
    "price per person",
    "I don't want to talk to a human",
    "Can I transfer my order to another person?",
    "Do I need an agent number?",
    "Is there a person to help carry furniture upstairs?",
    "Does your support work on Sundays?",
    "person",
]


@pytest.mark.parametrize("text", PERSON)
def test_a_person_is_asked_for(text: str) -> None:
    assert intent(text) == "person"


@pytest.mark.parametrize("text", NOT_PERSON)
def test_words_about_people_are_not_a_request(text: str) -> None:
    assert intent(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Привет!", "greeting"),
        ("Здравствуйте", "greeting"),
        ("добрый день", "greeting"),
        ("hi there", "greeting"),
        ("Good morning!", "greeting"),
        ("Hola", "greeting"),
        ("Guten Tag", "greeting"),
        ("спасибо", "thanks"),
        ("Ок, понятно, спасибо большое!", "thanks"),
        ("Thanks a lot 👍", "thanks"),
        ("ok", "thanks"),
        ("Danke", "thanks"),
        ("до свидания", "bye"),
        ("Спасибо, до свидания!", "bye"),
        ("bye", "bye"),
        ("thank you, goodbye", "bye"),
        ("👍", "wordless"),
        ("🙏🙏🙏", "wordless"),
        ("???", "wordless"),
        ("…", "wordless"),
    ],
)
def test_small_talk(text: str, expected: Intent) -> None:
    assert intent(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Привет! Как вернуть товар?",
        "Hello, what does delivery cost?",
        "Спасибо, а доставка в Казань?",
        "да",
        "нет",
        "help",
        "the return",
        "а если я пока не оплатил",
        "good tent for a family",
        "the day of delivery",
        "всего две палатки",
        "1",
        "R123456",
        "дня возврата",
    ],
)
def test_questions_are_not_small_talk(text: str) -> None:
    assert intent(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I do not know: the documents do not say.", True),
        ("Я не знаю: в документах об этом ничего нет.", True),
        ("Unfortunately, I don't have information about that.", True),
        ("Return the item within 30 days.", False),
        ("Вернуть можно за 30 дней.", False),
    ],
)
def test_a_model_that_does_not_know_is_recognised(text: str, expected: bool) -> None:
    assert admits_ignorance(text) is expected
