"""Legislation: titles, provisions, short forms and their addresses."""

import pytest
import spacy

from pqnlp.entities import mentions
from pqnlp.entities.legislation import LegislationTagger, find_legislation, read_titles
from pqnlp.errors import ReadError

SITE = "https://www.legislation.gov.uk/"


def found(text, question=""):
    return [(text[m.start : m.end], m.id) for m in sorted(find_legislation(text, question))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("under the Online Safety Act 2023.", [("Online Safety Act 2023", "ukpga/2023/50")]),
        ("The Care Act 2014 applies.", [("Care Act 2014", "ukpga/2014/23")]),
        # the provision belongs to the span and to the address
        (
            "see section 12 of the Online Safety Act 2023",
            [("section 12 of the Online Safety Act 2023", "ukpga/2023/50/section/12")],
        ),
        (
            "section 40(2) of the Freedom of Information Act 2000",
            [("section 40(2) of the Freedom of Information Act 2000", "ukpga/2000/36/section/40/2")],
        ),
        (
            "Schedule 7 to the Terrorism Act 2000",
            [("Schedule 7 to the Terrorism Act 2000", "ukpga/2000/11/schedule/7")],
        ),
        (
            "Part 4 of the Building Safety Act 2022",
            [("Part 4 of the Building Safety Act 2022", "ukpga/2022/30/part/4")],
        ),
        (
            "regulation 5 of the Working Time Regulations 1998",
            [("regulation 5 of the Working Time Regulations 1998", "uksi/1998/1833/regulation/5")],
        ),
        ("Article 13 of the UK GDPR", [("Article 13 of the UK GDPR", "eur/2016/679/article/13")]),
        (
            "Levelling-up and Regeneration Act 2023 (schedule 2)",
            [("Levelling-up and Regeneration Act 2023 (schedule 2)", "ukpga/2023/55/schedule/2")],
        ),
        # spellings of a title
        ("the Levelling Up and Regeneration Act 2023", [("Levelling Up and Regeneration Act 2023", "ukpga/2023/55")]),
        ("the Equality Act (2010)", [("Equality Act (2010)", "ukpga/2010/15")]),
        ("the 1988 Road Traffic Act", [("1988 Road Traffic Act", "ukpga/1988/52")]),
        ("the Health and Safety at Work etc. Act 1974", [("Health and Safety at Work etc. Act 1974", "ukpga/1974/37")]),
        (
            "Children's Homes (England) Regulations 2015",
            [("Children's Homes (England) Regulations 2015", "uksi/2015/541")],
        ),
        (
            "the Health and Social Care Act 2008 (Regulated Activities) Regulations 2014",
            [("Health and Social Care Act 2008 (Regulated Activities) Regulations 2014", "uksi/2014/2936")],
        ),
        # neighbours are two spans, and an unknown Act that ends like a known one is not that one
        (
            "UK GDPR and the Data Protection Act 2018",
            [("UK GDPR", "eur/2016/679"), ("Data Protection Act 2018", "ukpga/2018/12")],
        ),
        ("The Owls and Courts Act 2026 says", [("Owls and Courts Act 2026", "")]),
        # EU instruments carry their number
        ("under Regulation (EU) 2016/429", [("Regulation (EU) 2016/429", "eur/2016/429")]),
        ("Directive 2010/63/EU", [("Directive 2010/63/EU", "eudr/2010/63")]),
        ("Regulation (EU) 2023/1115", [("Regulation (EU) 2023/1115", "")]),  # made after the UK left
        # Bills, treaties
        ("the Dancing Bears (Protection) Bill will", [("Dancing Bears (Protection) Bill", "")]),
        ("the UN Convention on the Rights of the Child", [("UN Convention on the Rights of the Child", "")]),
        ("the Convention on the Rights of the Child.", [("Convention on the Rights of the Child", "")]),
        ("the UK-Narnia Free Trade Agreement", [("UK-Narnia Free Trade Agreement", "")]),
        ("a UK-Narnia trade agreement on snow", [("UK-Narnia trade agreement", "")]),
        # lists of subsections
        (
            "sections 4(1)(a) and (b) and 9A of the Care Act 2014",
            [("sections 4(1)(a) and (b) and 9A of the Care Act 2014", "ukpga/2014/23/section/4/1/a")],
        ),
        (
            "Sections 61 – 64 of the Care Act 2014",
            [("Sections 61 – 64 of the Care Act 2014", "ukpga/2014/23/section/61")],
        ),
        # a provision after the title
        ("the Care Act 2014, section 9(2).", [("Care Act 2014, section 9(2)", "ukpga/2014/23/section/9/2")]),
        # two instruments side by side, and one inside of another's title
        ("the Otter Treaty and Badger Convention", [("Otter Treaty", ""), ("Badger Convention", "")]),
        ("the Shipping (Otter Convention) Regulations 2018", [("Shipping (Otter Convention) Regulations 2018", "")]),
        (
            "the UN Convention on the Law of the Lake and the Otter Convention",
            [("UN Convention on the Law of the Lake", ""), ("Otter Convention", "")],
        ),
    ],
)
def test_titles_and_provisions(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        (
            "The Care Act 2014 (the Act) helps. The Act is clear.",
            "",
            [("Care Act 2014", "ukpga/2014/23"), ("Act", "ukpga/2014/23"), ("Act", "ukpga/2014/23")],
        ),
        ("The 2014 Act is clear.", "what the Care Act 2014 says", [("2014 Act", "ukpga/2014/23")]),
        (
            "Section 9 of the Act is clear.",
            "what the Care Act 2014 says",
            [("Section 9 of the Act", "ukpga/2014/23/section/9")],
        ),
        # the bracket names the law's subject, not the law
        ("the Waste Otter (WASO) Regulations 2013. WASO is dear.", "", [("Waste Otter (WASO) Regulations 2013", "")]),
        # two Acts fit: marked, not linked
        ("The Act is clear.", "the Care Act 2014 and the Equality Act 2010", [("Act", "")]),
        ("The Act is clear.", "", [("Act", "")]),
        (
            "the Online Safety Act 2023 (OSA). The OSA works.",
            "",
            [("Online Safety Act 2023", "ukpga/2023/50"), ("OSA", "ukpga/2023/50"), ("OSA", "ukpga/2023/50")],
        ),
        (
            "National Security and Investment (NSI) Act 2021",
            "",
            [("National Security and Investment (NSI) Act 2021", "ukpga/2021/25")],
        ),
        # the year is the one that the pair cites
        ("The Education Act requires it.", "the Education Act 1996", [("Education Act", "ukpga/1996/56")]),
        ("The Education Act requires it.", "", [("Education Act", "")]),  # there are many
    ],
)
def test_short_forms_mean_what_they_were_defined_as(text, question, expected):
    assert found(text, question) == expected


@pytest.mark.parametrize(
    "text",
    [
        "We act in order to help; the rules are clear.",
        "by an Act of Parliament",
        "a Private Member's Bill",
        "the Office for Nuclear Regulation",
        "a Public Spaces Protection Order",
        "Section 12 alone is not marked.",
        "a grant agreement with the council",
        "the North Atlantic Treaty Organisation",
        "the Energy Bill Support Scheme",
        "the Convention of Scottish Local Authorities",
        "put the scheme in Regulations",
    ],
)
def test_what_is_no_instrument_is_not_marked(text):
    assert found(text) == []


def test_an_unresolved_title_gets_the_site_search_and_no_identity():
    (m,) = find_legislation("the Dragons (Licensing) Regulations 2019")
    assert m.id == ""
    assert m.url == SITE + "all?title=Dragons%20%28Licensing%29%20Regulations&year=2019"


def test_a_table_of_ones_own_is_read_used_and_saved(tmp_path, write):
    path = write("titles.csv", "title,type,year,number\nDragons (Licensing) Regulations,uksi,2019,9999\n")
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_legislation", config={"titles_path": str(path)})
    text = "regulation 3 of the Dragons (Licensing) Regulations 2019"
    assert mentions(nlp(text))[0]["id"] == "uksi/2019/9999/regulation/3"
    nlp.to_disk(tmp_path / "model")
    bare = LegislationTagger().from_bytes(nlp.get_pipe("pqnlp_legislation").to_bytes())
    doc = bare(spacy.blank("en").make_doc(text))
    assert doc.ents[0].kb_id_ == "uksi/2019/9999/regulation/3"
    path.unlink()
    assert mentions(spacy.load(tmp_path / "model")(text))[0]["id"] == "uksi/2019/9999/regulation/3"


def test_a_table_that_is_missing_is_named(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_legislation", config={"titles_path": str(tmp_path / "none.csv")})
    with pytest.raises(ReadError, match="none.csv"):
        nlp("the Care Act 2014")


def test_a_table_in_another_encoding_is_refused_with_the_mend(tmp_path):
    path = tmp_path / "titles.csv"
    path.write_bytes("title,type,year,number\nCafé Act,ukpga,2019,3\n".encode("latin-1"))
    with pytest.raises(ReadError, match="UTF-8"):
        read_titles(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title,type,year\nA Act,ukpga,2019\n", "number"),
        ("title,type,year,number\nA Act,statute,2019,3\n", "line 2: unknown type 'statute'"),
        ("title,type,year,number\nA Act,ukpga,19,3\n", "line 2: expected a year"),
        ("title,type,year,number\nA Act,ukpga,2019,c. 3\n", "line 2: expected a chapter"),
        ("title,type,year,number\n,ukpga,2019,3\n", "line 2: the title is empty"),
    ],
)
def test_a_faulty_table_is_refused_with_the_row(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_titles(write("titles.csv", content))


def test_a_year_inside_a_title_is_no_date():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_dates")
    nlp.add_pipe("pqnlp_legislation")
    doc = nlp("The Care Act 2014 took effect in 2015.")
    assert [(e.text, e.label_) for e in doc.ents] == [("Care Act 2014", "LEGISLATION"), ("2015", "DATE")]
