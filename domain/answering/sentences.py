"""Every fixed sentence a customer can read, written in each language. A language that is not here gets English."""

from typing import Literal

Key = Literal[
    "greeting",
    "thanks",
    "bye",
    "wordless",
    "content",
    "asked",
    "asked_open",
    "unknown",
    "unknown_open",
    "model_failed",
    "model_failed_open",
    "found_meanwhile",
    "old_button",
    "stopped",
]

SENTENCES: dict[str, dict[Key, str]] = {
    "ru": {
        "greeting": "Здравствуйте! Чем помочь?",
        "thanks": "Пожалуйста! Если появятся ещё вопросы, пишите.",
        "bye": "Всего доброго! Если понадобится помощь, возвращайтесь.",
        "wordless": "Пока не понимаю, о чём вы. Напишите, пожалуйста, словами, что вас интересует.",
        "content": "Пока я умею читать только текст. Напишите, пожалуйста, ваш вопрос словами.",
        "asked": "Хорошо, зову человека из нашей команды: он ответит вам прямо здесь.",
        "asked_open": "Ваша просьба уже у команды: человек ответит вам прямо здесь, как только освободится.",
        "unknown": "Честно говоря, ответа на это у меня нет. Я передаю ваш вопрос человеку: он ответит прямо здесь.",
        "unknown_open": "На это у меня тоже нет ответа. Человек из команды уже знает о вашем вопросе и ответит здесь.",
        "model_failed": "Сейчас у меня не получается подготовить ответ. "
        "Я передаю ваш вопрос человеку: он ответит прямо здесь.",
        "model_failed_open": "Сейчас у меня не получается подготовить ответ. "
        "Человек из команды уже знает о вашем вопросе и ответит здесь.",
        "found_meanwhile": "А пока — что об этом написано в наших материалах:",
        "old_button": "Эта кнопка больше не работает. Напишите, пожалуйста, ваш вопрос словами.",
        "stopped": "Хорошо, останавливаюсь. Если понадобится, спросите ещё раз.",
    },
    "en": {
        "greeting": "Hello! How can I help?",
        "thanks": "You are welcome! If anything else comes up, just write.",
        "bye": "Goodbye! Come back whenever you need help.",
        "wordless": "I am not sure what you mean yet. Could you tell me in words what you would like to know?",
        "content": "I can only read text so far. Please write your question in words.",
        "asked": "Of course, I am calling a person from our team, who will answer you right here.",
        "asked_open": "The team already has your request: a person will answer you right here as soon as they can.",
        "unknown": "I honestly do not know the answer to that. "
        "I am passing your question to a person, who will answer right here.",
        "unknown_open": "I do not know the answer to that either. "
        "A person from the team already knows about your question and will answer here.",
        "model_failed": "I cannot put together an answer right now. "
        "I am passing your question to a person, who will answer right here.",
        "model_failed_open": "I cannot put together an answer right now. "
        "A person from the team already knows about your question and will answer here.",
        "found_meanwhile": "In the meantime, this is what our pages say about it:",
        "old_button": "This button does not work any more. Please write your question in words.",
        "stopped": "All right, I stop here. Just ask again if you need it.",
    },
}


def sentence(key: Key, language: str) -> str:
    """The sentence in that language, or in English."""
    return SENTENCES.get(language, SENTENCES["en"])[key]
