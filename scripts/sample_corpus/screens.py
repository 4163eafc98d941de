"""Screenshots of invented programs: dialogs, forms, a terminal, an editor, a chat. Knows nothing else."""

# ruff: noqa: E501 - rows of words and numbers are tables
from __future__ import annotations

from pathlib import Path

from PIL import Image

from .canvas import Board, Sheet


def _window(board: Board, x: float, y: float, w: float, h: float, title: str, dark: bool = False) -> None:
    board.card(x, y, w, h, "#1e1e2a" if dark else "#fafafa", 10)
    board.rect(x, y, w, 34, "#2b2b3a" if dark else "#e4e4e8", 10)
    board.rect(x, y + 20, w, 14, "#2b2b3a" if dark else "#e4e4e8")
    for i, tone in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        board.circle(x + 20 + 20 * i, y + 17, 6, tone)
    board.text(x + w / 2, y + 23, title, 14, "#cccccc" if dark else "#444444", bold=True, align="center")


def _button(
    board: Board, x: float, y: float, w: float, words: str, tone: str = "#2563eb", ink: str = "#ffffff"
) -> None:
    board.rect(x, y, w, 36, tone, 6)
    board.text(x + w / 2, y + 24, words, 15, ink, align="center")


def error_dialog() -> Sheet:
    board = Board(900, 600, "#35617f")
    _window(board, 60, 40, 780, 520, "Photo Archive")
    for i in range(15):
        board.rect(
            90 + 148 * (i % 5),
            100 + 145 * (i // 5),
            128,
            110,
            ("#9fb8c8", "#c8b89f", "#a9c89f", "#c89fa9")[i * 7 % 4],
            4,
        )
    board.rect(60, 74, 780, 486, "#000000", alpha=0.35)
    _window(board, 220, 190, 470, 220, "Error")
    board.circle(272, 275, 27, "#d92d20")
    board.line(261, 264, 283, 286, "#ffffff", 5)
    board.line(283, 264, 261, 286, "#ffffff", 5)
    board.text(320, 262, "The disk is full.", 19, bold=True)
    board.lines(
        320,
        290,
        ('Could not save "archive.db": no space left', "on device. Free some space and try again.", "Error code 28"),
        14,
    )
    _button(board, 440, 360, 110, "Retry")
    _button(board, 560, 360, 110, "Cancel", "#d4d4d8", "#222222")
    return board.sheet()


def login() -> Sheet:
    board = Board(900, 620, "#eaf0f6")
    board.rect(0, 0, 380, 620, "#1d4e89")
    board.circle(190, 240, 62, "#ffffff", alpha=0.95)
    board.poly([(160, 255), (190, 205), (220, 255)], "#1d4e89")
    board.text(190, 350, "Northlight Bank", 26, "#ffffff", bold=True, align="center")
    board.card(460, 110, 370, 400)
    board.text(490, 165, "Sign in to your account", 22, bold=True)
    for i, (name, value) in enumerate((("E-mail address", "reader@example.org"), ("Password", "\u2022" * 10))):
        board.text(490, 212 + 84 * i, name, 14, "#555555")
        board.rect(490, 222 + 84 * i, 310, 40, "#b6bec9", 6, line=1.4)
        board.text(504, 248 + 84 * i, value, 15)
    board.rect(490, 384, 16, 16, "#1d4e89", 3, line=1.5)
    board.text(514, 398, "Remember me", 14)
    board.text(800, 398, "Forgot password?", 14, "#2563eb", align="right")
    _button(board, 490, 426, 310, "Log in")
    return board.sheet()


def settings() -> Sheet:
    board = Board(860, 640, "#f5f5f7")
    board.text(250, 60, "Notifications", 26, bold=True)
    board.rect(0, 0, 220, 640, "#e8e8ed")
    board.text(24, 56, "Settings", 22, bold=True)
    for i, word in enumerate(
        ("General", "Account", "Notifications", "Privacy", "Appearance", "Language", "Storage", "About")
    ):
        if i == 2:
            board.rect(12, 82 + 44 * i, 196, 36, "#ffffff", 8)
        board.text(28, 106 + 44 * i, word, 15)
    board.card(250, 90, 580, 500)
    rows = (
        ("Allow notifications", True),
        ("Sounds", True),
        ("Show previews on lock screen", False),
        ("Badge on the app icon", True),
        ("Weekly summary by e-mail", False),
        ("Quiet hours 22:00 to 07:00", True),
        ("Vibrate", False),
    )
    for i, (word, on) in enumerate(rows):
        y = 130 + 66 * i
        board.text(276, y + 6, word, 16)
        board.rect(752, y - 14, 52, 28, "#34c759" if on else "#c7c7cc", 14)
        board.circle(790 if on else 766, y, 12, "#ffffff")
        board.line(276, y + 33, 806, y + 33, "#e5e5ea")
    return board.sheet()


def traceback() -> Sheet:
    board = Board(960, 560, "#4a4f63")
    _window(board, 30, 26, 900, 506, "bash - 110x28", dark=True)
    rows = (
        ("$ python import_orders.py --file march.csv", "#9be59b"), ("reading march.csv ... 1204 rows", "#d0d0d8"),
        ("Traceback (most recent call last):", "#d0d0d8"), ('  File "import_orders.py", line 88, in <module>', "#d0d0d8"), ("    main(sys.argv[1:])", "#f0f0f4"),
        ('  File "import_orders.py", line 61, in main', "#d0d0d8"), ("    total += parse_price(row[\"price\"])", "#f0f0f4"), ('  File "import_orders.py", line 23, in parse_price', "#d0d0d8"),
        ("    return Decimal(text.strip())", "#f0f0f4"), ("           ^^^^^^^^^^^^^^^^^^^^^", "#ff6b6b"), ("decimal.InvalidOperation: [<class 'decimal.ConversionSyntax'>]", "#ff6b6b"),
        ("$ grep -n 'n/a' march.csv", "#9be59b"), ("417:2024-03-11,desk lamp,n/a,2", "#d0d0d8"), ("$ _", "#9be59b"),
    )  # fmt: skip
    for i, (words, tone) in enumerate(rows):
        board.text(52, 96 + 30 * i, words, 17, tone, mono=True)
    return board.sheet()


def editor() -> Sheet:
    board = Board(1000, 620, "#23272e")
    board.rect(0, 0, 210, 620, "#1b1e24")
    for i, word in enumerate(
        (
            "garden/",
            "  sensors.py",
            "  pump.py",
            "  schedule.py",
            "tests/",
            "  test_pump.py",
            "README.md",
            "pyproject.toml",
        )
    ):
        board.text(
            16, 66 + 27 * i, word, 14, "#ffffff" if "pump.py" in word and "test" not in word else "#9aa4b2", mono=True
        )
    board.rect(210, 0, 790, 36, "#1f2329")
    board.rect(210, 0, 130, 36, "#23272e")
    board.text(230, 24, "pump.py", 14, "#e6e6e6", mono=True)
    code = (
        ("class Pump:", "#c678dd"), ('    """Waters the bed when the soil is dry."""', "#98c379"), ("", "#abb2bf"), ("    def __init__(self, pin: int, limit: float = 0.3):", "#61afef"),
        ("        self.pin = pin", "#abb2bf"), ("        self.limit = limit", "#abb2bf"), ("", "#abb2bf"), ("    def update(self, moisture: float) -> bool:", "#61afef"),
        ("        # never run longer than a minute", "#7f848e"), ("        if moisture < self.limit:", "#c678dd"), ("            self.start(seconds=60)", "#abb2bf"), ("            return True", "#d19a66"),
        ("        return False", "#d19a66"),
    )  # fmt: skip
    for i, (words, tone) in enumerate(code):
        board.text(250, 76 + 29 * i, f"{i + 1:2d}", 15, "#5c6370", mono=True, align="right")
        board.text(270, 76 + 29 * i, words, 16, tone, mono=True)
    board.rect(0, 594, 1000, 26, "#3a6ea5")
    board.text(12, 612, "main   Python 3.12   UTF-8   Ln 9, Col 14", 13, "#ffffff", mono=True)
    return board.sheet()


def chat() -> Sheet:
    board = Board(540, 860, "#e7ded4")
    board.rect(0, 0, 540, 76, "#12735f")
    board.circle(46, 40, 24, "#d8c8a8")
    board.text(84, 36, "Hiking group", 19, "#ffffff", bold=True)
    board.text(84, 58, "Ana, Bela, Chris, you", 13, "#cfe8e0")
    talk = (
        (0, ("Who is coming on Saturday?", "We leave at 7 from the station.")), (1, ("I am in! Shall I bring the", "thermos with tea?")), (0, ("Yes please. And a rain jacket,", "the forecast says showers.")),
        (0, ("The path to the lake is closed,", "so we take the ridge.")), (1, ("Fine with me. How long is it?",)), (0, ("14 km, about five hours",)), (1, ("See you at the station :)",)),
    )  # fmt: skip
    y = 104.0
    for mine, words in talk:
        h = 26 + 23 * len(words)
        x = 210 if mine else 20
        board.rect(x, y, 310, h, "#d9fdd3" if mine else "#ffffff", 12)
        board.lines(x + 16, y + 28, words, 16)
        y += h + 16
    board.rect(16, 796, 440, 46, "#ffffff", 23)
    board.text(40, 825, "Message", 16, "#999999")
    board.circle(496, 819, 24, "#12735f")
    board.poly([(488, 808), (508, 819), (488, 830)], "#ffffff")
    return board.sheet()


def spreadsheet() -> Sheet:
    board = Board(980, 560)
    board.rect(0, 0, 980, 44, "#1d6f42")
    board.text(20, 29, "travel_costs.xlsx", 17, "#ffffff", bold=True)
    board.rect(0, 44, 980, 36, "#f3f3f3")
    board.text(16, 68, "F9   =SUM(F2:F8)", 15, mono=True)
    head = ("Date", "Place", "Category", "Nights", "Price", "Total")
    rows = (
        ("3 May", "Porto", "Hotel", "3", "84.00", "252.00"),
        ("6 May", "Porto", "Train", "", "31.50", "31.50"),
        ("6 May", "Lisbon", "Hotel", "2", "97.00", "194.00"),
        ("7 May", "Lisbon", "Museum", "", "15.00", "15.00"),
        ("8 May", "Sintra", "Bus", "", "12.40", "12.40"),
        ("8 May", "Sintra", "Food", "", "46.20", "46.20"),
        ("9 May", "Lisbon", "Flight", "", "129.00", "129.00"),
        ("", "", "", "", "Sum", "680.10"),
    )
    for i, row in enumerate((head, *rows)):
        y = 112 + 32 * i
        board.rect(0, y, 40, 32, "#eeeeee")
        board.text(20, y + 21, str(i + 1), 13, "#666666", align="center")
        for j, word in enumerate(row):
            board.rect(40 + 155 * j, y, 155, 32, "#d0d0d0", line=1)
            board.text(
                190 + 155 * j if j > 2 else 50 + 155 * j,
                y + 21,
                word,
                14,
                bold=i in (0, 8),
                align="right" if j > 2 else "left",
            )
    for j in range(6):
        board.rect(40 + 155 * j, 80, 155, 32, "#eeeeee")
        board.text(117 + 155 * j, 101, "ABCDEF"[j], 14, "#666666", align="center")
    board.rect(815, 368, 155, 32, "#1d6f42", line=3)
    return board.sheet()


def mail() -> Sheet:
    board = Board(980, 600)
    board.rect(0, 0, 190, 600, "#f2f5fa")
    _button(board, 18, 20, 154, "Compose", "#c8461e")
    for i, word in enumerate(("Inbox (4)", "Starred", "Sent", "Drafts", "Spam", "Bin")):
        board.text(28, 100 + 36 * i, word, 15, bold=not i)
    board.rect(210, 18, 740, 40, "#eef1f6", 20)
    board.text(234, 44, "Search mail", 15, "#888888")
    rows = (
        ("City Library", "Your loan is due in three days", "The mountain atlas, Bread at home", "09:14"), ("Railway", "Ticket to Porto, 6 May 10:32", "Coach 4, seat 61, window", "08:50"),
        ("Dentist", "Appointment reminder", "Tuesday at 15:30", "Mon"), ("Garden club", "Seed exchange on Sunday", "Bring tomatoes and beans", "Mon"), ("Workshop", "Your bicycle is ready", "New chain and brake pads", "Sun"),
        ("Power Co.", "Invoice for April", "Amount due 64.20", "Sat"), ("Football club", "Match moved to 18:00", "Pitch two, bring both shirts", "Fri"),
    )  # fmt: skip
    for i, (who, what, more, when) in enumerate(rows):
        y = 104 + 66 * i
        board.text(216, y, who, 15, bold=i < 4)
        board.text(360, y, what, 15, bold=i < 4)
        board.text(360, y + 22, more, 13, "#777777")
        board.text(948, y, when, 13, "#777777", align="right")
        board.line(210, y + 38, 950, y + 38, "#e4e7ec")
    return board.sheet()


def phone_weather() -> Sheet:
    board = Board(512, 900, "#4a90d9")
    board.rect(0, 450, 512, 450, "#3a78bd")
    board.text(256, 120, "Harbour Town", 30, "#ffffff", align="center")
    board.text(256, 230, "21\u00b0", 96, "#ffffff", align="center")
    board.text(256, 280, "Partly cloudy", 22, "#ffffff", align="center")
    board.circle(230, 370, 42, "#ffd24a")
    for x, y, r in ((240, 395, 30), (280, 380, 40), (320, 397, 28)):
        board.circle(x, y, r, "#ffffff")
    board.rect(24, 470, 464, 400, "#ffffff", 18, alpha=0.18)
    for i, (day, low, high, rain) in enumerate(
        (
            ("Today", 14, 21, 10),
            ("Thu", 13, 19, 60),
            ("Fri", 11, 16, 90),
            ("Sat", 12, 20, 20),
            ("Sun", 15, 24, 0),
            ("Mon", 16, 26, 0),
        )
    ):
        y = 520 + 60 * i
        board.text(48, y, day, 20, "#ffffff")
        board.text(230, y, f"{rain}%", 17, "#bfe1ff", align="right")
        board.text(300, y, f"{low}\u00b0", 19, "#d5e6f7", align="right")
        board.rect(318, y - 9, 90, 6, "#ffffff", 3, alpha=0.4)
        board.rect(318 + (low - 10) * 5, y - 9, (high - low) * 5, 6, "#ffd24a", 3)
        board.text(466, y, f"{high}\u00b0", 19, "#ffffff", align="right")
    return board.sheet()


SHEETS = {
    "Screenshot_0412.png": error_dialog,
    "Screenshot_0413.png": login,
    "Screenshot_0420.png": settings,
    "terminal.png": traceback,
    "Screenshot_0431.png": editor,
    "chat.png": chat,
    "Screenshot_0502.png": spreadsheet,
    "Screenshot_0507.png": mail,
    "phone_01.png": phone_weather,
}


def make(folder: Path) -> None:
    """Write every screenshot into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SHEETS.items():
        Image.fromarray(draw()).quantize(128, dither=Image.Dither.NONE).save(folder / name, optimize=True)
