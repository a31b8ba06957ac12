"""What the shop's page says. Prices and terms are those of the demo's knowledge base."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Goods:
    """One card. `art` is a file in `art/`, `shelf` the row it stands in."""

    art: str
    shelf: Literal["trail", "home"]
    name: str
    fact: str
    price: str


@dataclass(frozen=True, slots=True)
class Words:
    """Every text of the page in one language. Pairs are a headline and its lines."""

    lang: str
    other_lang: str
    other_name: str
    brand: str
    tagline: str
    strip: str
    nav_label: str
    nav_trail: str
    nav_home: str
    nav_service: str
    nav_stores: str
    hero_title: str
    hero_text: str
    hero_button: str
    scene_label: str
    trail_title: str
    trail_text: str
    home_title: str
    home_text: str
    service_title: str
    stores_title: str
    ask_title: str
    ask_text: str
    note: str
    promises: tuple[tuple[str, str], ...]
    stores: tuple[tuple[str, str], ...]
    goods: tuple[Goods, ...]


ENGLISH: Final = Words(
    lang="en",
    other_lang="ru",
    other_name="Русский",
    brand="Pine & Compass",
    tagline="Things for the home and the trail",
    strip="Courier free from 5,000 ₽ · 30 days to return · tents with a 5-year warranty",
    nav_label="Sections",
    nav_trail="On the trail",
    nav_home="At home",
    nav_service="Service",
    nav_stores="Stores",
    hero_title="Made to be mended, not replaced",
    hero_text="Tents, rucksacks and furniture that we repair in our own workshop and keep spare parts for.",
    hero_button="See the equipment",
    scene_label="A tent by a lake among pines, with mountains behind",
    trail_title="On the trail",
    trail_text="Light enough to carry, strong enough to come back with.",
    home_title="At home",
    home_text="Pine, oak and cast iron. They look better with the years.",
    service_title="What stands behind it",
    stores_title="Stores",
    ask_title="Not sure which one?",
    ask_text="Ask the assistant in the corner: sizes, delivery, returns, repair. A person joins when you want one.",
    note="A demonstration. The shop is invented and nothing is for sale.",
    promises=(
        ("30 days to return", "Free at our stores and at 4,200 pickup points."),
        ("Own workshop", "Repair under warranty takes up to 21 days, with a tent on loan meanwhile."),
        ("Rental", "Kayaks, tents and rucksacks for 2 to 21 days."),
        ("Second Trail", "Bring old gear: 20 to 40 % of its price comes back on a gift card."),
    ),
    stores=(
        ("Moscow", "Lesnaya street 12\nDaily 10:00–22:00"),
        ("Saint Petersburg", "Ligovsky avenue 74\nDaily 11:00–21:00"),
        ("Kazan", "Bauman street 31\nDaily 10:00–20:00"),
        ("Yekaterinburg", "Malysheva street 51\nMon–Sat 10:00–20:00"),
    ),
    goods=(
        Goods("tent", "trail", "Taiga 2 Light", "Tent for 2, 1.9 kg", "21,900 ₽"),
        Goods("backpack", "trail", "Ridge 65", "Rucksack for a week, 1.8 kg", "14,500 ₽"),
        Goods("sleeping-bag", "trail", "Tundra", "Goose down, comfort −12 °C", "28,700 ₽"),
        Goods("headlamp", "trail", "Firefly", "Headlamp, 400 lumens, USB‑C", "3,200 ₽"),
        Goods("bed", "home", "Halt", "Bed of solid pine, 140–180 cm", "from 32,900 ₽"),
        Goods("table", "home", "Clearing", "Folding oak table for 4–8", "44,900 ₽"),
        Goods("lantern", "home", "Hearth", "Lantern, 48 hours of warm light", "4,700 ₽"),
        Goods("pan", "home", "Ember", "Cast-iron pan, 26 cm", "3,900 ₽"),
    ),
)

RUSSIAN: Final = Words(
    lang="ru",
    other_lang="en",
    other_name="English",
    brand="Сосна и Компас",
    tagline="Вещи для дома и похода",
    strip="Курьер бесплатно от 5 000 ₽ · 30 дней на возврат · гарантия на палатки 5 лет",
    nav_label="Разделы",
    nav_trail="В поход",
    nav_home="Домой",
    nav_service="Сервис",
    nav_stores="Магазины",
    hero_title="Сделано, чтобы чинить, а не менять",
    hero_text="Палатки, рюкзаки и мебель, которые мы ремонтируем в своей мастерской и храним для них запасные части.",
    hero_button="Посмотреть снаряжение",
    scene_label="Палатка у озера среди сосен, за ней горы",
    trail_title="В поход",
    trail_text="Достаточно лёгкое, чтобы нести, и достаточно прочное, чтобы вернуться.",
    home_title="Домой",
    home_text="Сосна, дуб и чугун. С годами только лучше.",
    service_title="Что за этим стоит",
    stores_title="Магазины",
    ask_title="Не знаете, что выбрать?",
    ask_text="Спросите помощника в углу экрана: размеры, доставка, возврат, ремонт. По просьбе подключится человек.",
    note="Демонстрация. Магазин выдуман, ничего не продаётся.",
    promises=(
        ("30 дней на возврат", "Бесплатно в наших магазинах и в 4 200 пунктах выдачи."),
        ("Своя мастерская", "Гарантийный ремонт до 21 дня, на это время дадим подменную палатку."),
        ("Прокат", "Байдарки, палатки и рюкзаки на 2–21 день."),
        ("«Вторая тропа»", "Принесите старое снаряжение: 20–40 % его цены вернётся подарочной картой."),
    ),
    stores=(
        ("Москва", "Улица Лесная, 12\nЕжедневно 10:00–22:00"),
        ("Санкт-Петербург", "Лиговский проспект, 74\nЕжедневно 11:00–21:00"),
        ("Казань", "Улица Баумана, 31\nЕжедневно 10:00–20:00"),
        ("Екатеринбург", "Улица Малышева, 51\nПн–сб 10:00–20:00"),
    ),
    goods=(
        Goods("tent", "trail", "Тайга 2 Лайт", "Палатка на двоих, 1,9 кг", "21 900 ₽"),
        Goods("backpack", "trail", "Гребень 65", "Рюкзак на неделю, 1,8 кг", "14 500 ₽"),
        Goods("sleeping-bag", "trail", "Тундра", "Гусиный пух, комфорт −12 °C", "28 700 ₽"),
        Goods("headlamp", "trail", "Светлячок", "Налобный фонарь, 400 люмен, USB‑C", "3 200 ₽"),
        Goods("bed", "home", "Привал", "Кровать из массива сосны, 140–180 см", "от 32 900 ₽"),
        Goods("table", "home", "Поляна", "Раскладной дубовый стол на 4–8 человек", "44 900 ₽"),
        Goods("lantern", "home", "Очаг", "Фонарь, 48 часов тёплого света", "4 700 ₽"),
        Goods("pan", "home", "Уголёк", "Чугунная сковорода, 26 см", "3 900 ₽"),
    ),
)

LANGUAGES: Final = {"ru": RUSSIAN, "en": ENGLISH}
