"""The language of a text, and the stems of its words.

Detection counts stop words, which costs a lookup a word; a text that shows no other language is English. The stem of a
word of any other language in Latin letters begins with a sign of that language, so that the French `notes` does not
find the English `not`. Other scripts have one language each, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache, lru_cache

from mmsearch.store.words import fold
from mmsearch.store.words.fold import lazily

LATIN = (
    "english",
    *("german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish", "norwegian", "finnish"),
    *("hungarian", "romanian", "turkish"),
)
_SIGNS = {language: chr(0xE000 + number) if number else "" for number, language in enumerate(LATIN)}
"""Characters for private use, which no folded text has."""
SIGNS = "".join(_SIGNS.values())
_SCRIPTS = (("russian", "[\u0400-\u052f]+"), ("greek", "[\u0370-\u03ff\u1f00-\u1fff]+"), ("arabic", "[\u0620-\u06ff]+"))
_SCRIPT_STEMS = [(language, lazily(letters)) for language, letters in _SCRIPTS]
_LATIN_WORD = lazily("[a-z\u0180-\u02af\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff]+")
_LEAST_STEMMED = 3
"""Shorter words have no endings."""
_CLEARLY = 2
"""Stop words that make a text one of a language."""

# --- stop words, which carry no meaning of their own ---

# Stop words are written as `fold.fold` writes them, without apostrophes.
_ENGLISH_STOP_WORDS = """
    a about above after again against all am an and any are arent as at be because been before being below between
    both but by can cannot could did didnt do does doesnt doing dont down during each few for from further had has
    have havent having he her here hers herself him himself his how i id if ill im in into is isnt it its itself ive
    just lets me more most my myself no nor not of off on once only or other ought our ours ourselves out over own
    same she should shouldnt so some such than that thats the their theirs them themselves then there theres these
    they theyre this those through to too under until up upon very was wasnt we were werent what whats when where
    which while who whom whose why will with wont would wouldnt you your youre yours yourself
"""
ENGLISH_STOP_WORDS = frozenset(_ENGLISH_STOP_WORDS.split())
_ENGLISH_ALONE = """
    about after again and any because been before being between but by could does from his how into it its only or
    other our she should that the their them then there these they this those through to until we were what when where
    which while who why with would you your
"""
ENGLISH_ALONE = frozenset(_ENGLISH_ALONE.split())
"""Those that no other language below has: two of them make a text English."""

OTHER_STOP_WORDS = {
    "german": """
        aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist da
        damit dann das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch
        dort du durch ein eine einem einen einer eines er es etwas euch euer fur gegen hab habe haben hat hatte hatten
        hier hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem jeden jeder jedes
        jetzt kann kein keine keinen konnen konnte man manche mehr mein meine meinem meinen meiner mich mir mit muss
        mussen nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seit sich sie sind so
        solche soll sollte sondern sonst uber um und uns unser unsere unter viel vom von vor wahrend war waren warum
        was weil welche welcher wenn werde werden wie wieder will wir wird wirst wo wollen wurde wurden zu zum zur
        zwar zwischen
    """,
    "french": """
        ai au aux avec avait avons avez avoir car ce cela ces cet cette ceux chez comme comment dans de depuis des
        donc dont du elle elles en est et etait etaient ete etre eux fait faire font il ils je jusqu la le les leur
        leurs lors lui ma mais me meme memes mes moi mon ne ni nos notre nous on ont ou par parce pas peu peut plus
        pour pourquoi quand que quel quelle quelles quels qui sa sans sera ses si sommes son sont sous sur ta te tes
        toi ton tous tout toute toutes tres tu un une vers vos votre vous y
    """,
    "spanish": """
        al algo algunas algunos ante antes aqui asi aunque como con contra cual cuando de del desde donde durante e el
        ella ellas ellos en entre era eran es esa esas ese eso esos esta estaba estan estar estas este esto estos fue
        fueron ha habia hace han hasta hay la las le les lo los mas me mi mis mucho muchos muy nada ni no nos nosotros
        o os otra otras otro otros para pero poco por porque que quien se sea ser si sido sin sobre son su sus tambien
        tanto te tenia tiene tienen todo todos tu tus un una uno unos y ya yo
    """,
    "italian": """
        a ad agli ai al alla alle allo anche aveva avevano c che chi ci come con contro cui da dagli dai dal dalla
        dalle dallo de degli dei del della delle dello di dopo dove e ed era erano essere fa fino fra gli ha hai hanno
        ho i il in io la le lei li lo loro lui ma mi mia mie miei mio ne negli nei nel nella nelle nello no noi non
        nostra nostro o ogni per perche piu poi qual quale quando quanto quella quelle quelli quello questa queste
        questi questo qui se sei senza si sia siamo sono sta stata stato su sua sue sugli sui sul sulla sulle suo suoi
        ti tra tu tua tuo tutti tutto un una uno vi voi
    """,
    "portuguese": """
        a ainda ao aos apos aquela aquele aqui as ate com como da das de dela dele deles depois do dos e ela elas ele
        eles em entre era essa esse esta estao estar estava este eu foi foram ha isso isto ja la lhe mais mas me mesmo
        meu minha muito muitos na nao nas nem no nos nossa nosso num numa o os ou para pela pelas pelo pelos por
        porque pode quais qual quando que quem se sem ser seu seus sua suas so sobre sao tambem te tem tinha todo
        todos tu tua um uma umas uns voce voces
    """,
    "dutch": """
        aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en er ge
        geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon kunnen maar
        me meer men met mij mijn moet moeten na naar niet niets nog nu of om omdat onder ons onze ook op over reeds te
        tegen toch toen tot u uit uw van veel voor want waren was wat werd werden wezen wie wij wil worden wordt zal
        ze zelf zich zij zijn zo zonder zou
    """,
    "swedish": """
        alla allt an att av blev bli blir da dar de dem den denna deras dess dessa det detta dig din dina ditt du
        efter ej eller en er era ett fran for ha hade han hans har hon honom hur i icke ingen inom inte jag kan kunde
        man med mellan men mig min mina mitt mot mycket nagon nagot nar ni nu och om oss pa sa samma sedan sig sin
        sina sitt sjalv ska skulle som till under upp ut utan vad var vara varit varje vem vi vid vilken
    """,
    "danish": """
        ad af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig din disse dog du efter
        eller en end er et for fra ham han hans har havde have hende hendes her hos hun hvad hvem hvis hvor hvordan i
        ikke ind jeg jer kunne kan man mange med meget men mig min mine mit mod nar ned noget nogle nu og ogsa om op
        os over pa sadan selv sig sin sine sit skal skulle som thi til ud under var vi vil ville vor vaere vaeret
    """,
    "norwegian": """
        alle at av bare ble bli blir da de deg dem den denne der deres det dette din disse du eller en enn er et etter
        for fordi fra ha hadde han hans har hennes henne her hun hva hvem hvis hvor hvordan i ikke inn jeg kan kunne
        man mange med meg meget mellom men min mitt mot mye na nar noe noen nok og ogsa om opp oss over pa seg selv
        sin sitt skal skulle slik som til ut uten var vaere vaert ved vi vil ville vart
    """,
    "finnish": """
        ei eivat emme en enemman ennen etta han hanen hanta he heidan ilman itse ja jo joka jokin jolla jonka jos
        jossa jota jotka kaikki kanssa kautta koska kuin kuinka kun kuten me meidan mika mikali mita mukaan mutta myos
        niiden niin niita nyt ne nama oli olin olivat olla olisi on ole olen olemme olet ovat paitsi se sen seka
        siella siihen sille silla sina sita sitten tai taman tama tassa tata te tuo tuon vaan vain vai viela voi ylos
    """,
    "hungarian": """
        a ahogy ahol aki akik ami amely amelyek amit az azok azon azt azzal azert be benne csak de e ebben eddig egesz
        egy egyes egyik egyeb egymas ehhez ekkor el ellen elott eloszor en ennek erre es ez ezek ezen ezt ezert fel
        fole ha hanem hogy hogyan igen igy ilyen ill is ismet itt jol kell kellett ki kivul koz kozott le lehet lenne
        lesz lett meg mert mely mi miatt mikor milyen mind minden mint mit most nagyon nalam neki nekem nem nincs
        olyan ott pedig persze sajat sem semmi sok sokat szamara szemben szerint szinte talan tehat teljes tovabb tobb
        ugy ugyanis uj ujra utan utana vagy vagyok valaki valami van vannak vele vissza viszont volt volna voltak
    """,
    "romanian": """
        acea aceasta aceste acest acestea acesta acestui ai aici al ale alt alta am ar are as asa asupra atunci au
        avea avem aveti azi ca cand care cat catre ce cea cei cel cele cu cum da daca dar de deci decat deja despre
        din dintre doar dupa ea ei el ele era este eu fara fi fie fost iar ii il imi in inainte intr intre isi la le
        lor lui mai mea mei meu mult multe nici nimic noi nostru nu o ori orice pana pe pentru peste pot prin sa sai
        sau se si sunt sus sub toate toti tot tu un una unde unei unor unui va vom vor vostru
    """,
    "turkish": """
        acaba ama ancak artik asla ayni az bana bazi belki ben benim beri bile bir biraz bircok biri birkac biz bizim
        boyle bu buna bunda bundan bunlar bunu bunun cok cunku da daha de degil diger diye dolayi en fakat gibi gore
        hala hangi hatta hem henuz hep hepsi her hic icin ile ise iste kadar karsin kendi ki kim mi mu nasil ne neden
        nerede niye o olan olarak oldu oldugu olmak olsa olur ona once onlar onu onun orada oysa sadece sana sen senin
        siz sizin sonra su sanki tum uzere var ve veya ya yani yapilan yerine yine yok zaten
    """,
}
_STOP_WORDS_NOT_LATIN = {
    "russian": """
        а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее если
        есть еще же за здесь и из или им их к как ко когда кто ли либо мне может мы на над надо наш не него нее нет ни
        них но ну о об однако он она они оно от очень по под при с со так также такой там те тем то того тоже той
        только том ты у уже хотя чего чей чем что чтобы чье эта эти это этого этой этот я
    """,
    "greek": """
        και το τα η ο οι του τησ τη την τον των στο στη στην στον στα στισ στουσ με σε για απο που να θα δεν δε ειναι
        ηταν εχει εχουν ενα ενασ μια αυτο αυτη αυτοσ αυτα αυτου τι πωσ οταν αν ωσ αλλα ομωσ κι μου σου μασ σασ τουσ
        τισ ειτε ουτε κατα μετα προσ χωρισ οτι οπωσ γιατι εγω εσυ εμεισ πολυ
    """,
    "arabic": """
        في من على الى إلى عن مع هذا هذه ذلك تلك التي الذي الذين كان كانت يكون ان أن إن لا ما لم لن هو هي هم نحن أنا
        انت كل بعد قبل بين عند حتى إذا اذا او أو ثم قد لقد كما غير حيث به بها له لها فيه فيها منه منها عليه عليها و يا
        أي هناك هنا لكن
    """,
    "hebrew": """
        של את על עם זה זו זאת הוא היא הם הן אני אתה אנחנו לא כן כי אם או גם רק כל מה מי איך למה אבל אל מן בין יש אין
        היה היתה הזה הזאת אשר עד כמו יותר
    """,
    "cjk": """
        的 了 是 在 和 与 及 或 也 都 就 而 吗 呢 吧 啊 这 那 之 我 你 他 她 它 や の に は を が で と も へ
    """,
    "korean": """
        및 또는 그리고 그 이 저 것 수 등 더
    """,
}
_LETTERS = {
    "ß": "german",
    "ñ": "spanish",
    "¿": "spanish",
    "¡": "spanish",
    "ã": "portuguese",
    "õ": "portuguese",
    "ő": "hungarian",
    "ű": "hungarian",
    "ğ": "turkish",
    "ı": "turkish",
    "İ": "turkish",
    "ț": "romanian",
    "ţ": "romanian",
    "ș": "romanian",
}
"""Letters that show the language of a text which has none of its stop words."""

_ELISIONS = """
    all bell c d dall dell j jusqu l lorsqu m n nell puisqu qu quell quelqu quest quoiqu s sant sull t un
"""
ELISIONS = frozenset(_ELISIONS.split())
"""What French and Italian write with an apostrophe before a word: the word alone is meant."""

# --- languages and stems ---


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """The function from a folded word of a language to its stem."""
    import Stemmer  # late: nothing that runs without words needs it

    stem: Callable[[str], str] = Stemmer.Stemmer(language, 0).stemWord
    return stem


def library_version() -> str:
    """The versions of all that decides what a word becomes, beside this package."""
    import unicodedata

    import Stemmer

    return f"{Stemmer.version()} {unicodedata.unidata_version}"


@cache
def _stop_lists() -> dict[str, tuple[str, ...]]:
    """The languages in Latin letters by stop word."""
    languages: dict[str, list[str]] = {word: ["english"] for word in ENGLISH_STOP_WORDS}
    for language, words in OTHER_STOP_WORDS.items():
        for word in dict.fromkeys(words.split()):
            languages.setdefault(word, []).append(language)
    return {word: tuple(names) for word, names in languages.items()}


@cache
def _stop_words_elsewhere() -> frozenset[str]:
    """Stop words in other scripts, where a word of one language is seldom a word of another."""
    return frozenset(fold.fold(word) for words in _STOP_WORDS_NOT_LATIN.values() for word in words.split())


def detect(words: Collection[str], text: str) -> str:
    """The language of the words in Latin letters of a text.

    Args:
        words: of the text; those in another spelling than `fold.fold` gives only count for nothing.
        text: as written, for the letters that only one language has.
    """
    if len(ENGLISH_ALONE.intersection(words)) >= _CLEARLY:
        return LATIN[0]
    languages = _stop_lists()
    counts = dict.fromkeys(LATIN, 0)
    for word in languages.keys() & words:
        for language in languages[word]:
            counts[language] += 1
    best = max(counts, key=counts.__getitem__)
    if counts[best] >= _CLEARLY:
        return best
    if not text.isascii():
        for letter, language in _LETTERS.items():
            if letter in text:
                return language
    return LATIN[0]


def indexed(word: str, language: str) -> str:
    """The token of a folded word in a text of a language in Latin letters."""
    if len(word) < _LEAST_STEMMED or word.isdigit():
        return word
    if _is_latin(word):
        return _SIGNS[language] + stemmer(language)(word)
    return _stem_of_script(word)


@lru_cache(maxsize=1 << 12)
def alternatives(word: str) -> tuple[str, ...]:
    """The tokens that a folded word may have in texts of any language, the English one first."""
    if len(word) >= _LEAST_STEMMED and _is_latin(word):
        return tuple(sign + stemmer(language)(word) for language, sign in _SIGNS.items())
    return (indexed(word, LATIN[0]),)


def _is_latin(word: str) -> bool:
    return word.isalpha() if word.isascii() else _LATIN_WORD.fullmatch(word) is not None


def _stem_of_script(word: str) -> str:
    for language, letters in _SCRIPT_STEMS:
        if letters.fullmatch(word):
            return stemmer(language)(word) or word
    return word


def without_stop_words(words: Iterable[str]) -> set[str]:
    """Those of the folded words of a query that carry meaning.

    The stop words of another language in Latin letters count if there are several, for `die` and `war` are words of
    English too.
    """
    distinct = set(words)
    language = detect(distinct, "")
    lists = _stop_lists() if language != LATIN[0] else {}
    latin = {word for word in distinct if language in lists.get(word, ())}
    if not latin or len(latin) < _CLEARLY:
        latin = distinct & ENGLISH_STOP_WORDS
    elsewhere = set() if all(map(str.isascii, distinct)) else distinct & _stop_words_elsewhere()
    return distinct - latin - elsewhere
