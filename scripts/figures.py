#!/usr/bin/env python3
"""Draws docs/figures/*.svg and fills the generated parts of docs/performance.md from a run's JSON.

usage: figures.py RUN.json | --check

A generated part stands between two comments, `<!-- generated: NAME -->` and `<!-- end -->`; all else
in the page is written by hand. `--check` only says whether every part of the page is known, and every
known part is in the page.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/performance.md"
FOLDER = ROOT / "docs/figures"

# Which tables make which part of the page: by the beginnings of their titles.
PARTS = {
    "one-chunk": [
        "persistAndWait, one dirty chunk", "store: 4 KiB dirty", "store: 16 KiB dirty", "store: 32 KiB dirty"],
    "dirty-bytes": [
        "64 KiB of byte", "1024 KiB of byte", "4096 KiB of byte", "store: 64 KiB dirty",
        "store: 1024 KiB dirty", "store: 4096 KiB dirty"],
    "stalls": ["stall of persist()"],
    "walks": ["walk of "],
    "graph": [" objects, until durable"],
    "program": ["look-up program, "],
    "program-peers": ["look-up program beside peers"],
    "peers-durable": [" updated, durable"],
    "peers-buffered": [" updated, buffered"],
    "peers-memory": [" updated, memory"],
    "peers-restore": [" objects read back"],
    "store-chunks": [" by size of chunk"],
    "store-versions": ["store: versions of", " objects changed in each"],
    "restore": ["restore of ", "versions, "],
    "micro": ["micro: effect of ", "micro: points of several", "micro: one point"],
    "parts": ["micro: parts of a durable point"],
    "space": ["100 versions of "],
    "memory": ["memory: "],
    "effort": ["effort: "],
    "heap": ["heap: "],
    "types": ["types: "],
    "first-writes": ["first write, "],
    "collections": ["collect, "],
    "scattered": ["16 scattered writes", " scattered chunks written"],
    "freezing": ["freeze ", " protected, ", "bringing cooled memory"],
}
# What is not ours: the beginnings of rows' names.
PEERS = (
    "SQLite", "LMDB", "Codable", "operation log", "libpmemobj", "fork and dump", "JSON", "glibc",
    "bare", "copy into fresh")
STEPS = ["collect", "discover", "copy", "image", "write", "flush"]
BLUE, GREY, RED, GREEN = "#3366aa", "#999999", "#bb4433", "#448855"


def tables_of(run, part):
    if part == "other":
        shown = {t["title"] for p in PARTS for t in tables_of(run, p)}
        return [t for t in run["tables"] if not t["isDetail"] and t["title"] not in shown]
    def belongs(title):
        return any(
            title.startswith(key) or (key.startswith(" ") and key in title) for key in PARTS[part])
    found = [t for t in run["tables"] if not t["isDetail"] and belongs(t["title"])]
    if part == "program":
        found = [t for t in found if "beside peers" not in t["title"]]
    return found


def number(value):
    if value is None:
        return ""
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{places}f}"


def table_text(table):
    names = []
    for row in table["rows"]:
        names += [c["name"] for c in row["counts"] if c["name"] not in names]
    ordered = [f"{s} µs" for s in STEPS if f"{s} µs" in names]
    names = ordered + [n for n in names if n not in ordered]
    lines = [
        f"{table['title']}, {table['unit']}" + (", processor time" if table["clock"] == "processor" else ""),
        "",
        "| | median | middle half | ratio |" + "".join(f" {n} |" for n in names),
        "|---|---|---|---|" + "---|" * len(names),
    ]
    for row in table["rows"]:
        figure = row["figure"]
        counts = {c["name"]: c["perLap"] for c in row["counts"]}
        spread = f"{number(figure['lowerQuartile'])} … {number(figure['upperQuartile'])}"
        ratio = "" if row.get("ratio") is None else f"{number(row['ratio'])} ×"
        lines.append(
            f"| {row['name']} | {number(figure['median'])} | {spread} | {ratio} |"
            + "".join(f" {number(counts.get(n))} |" for n in names))
    return "\n".join(lines)


def effort_text(run):
    table = tables_of(run, "effort")[0]
    lines = ["| | by hand: persist | restore | with containers: persist | restore |", "|---|---|---|---|---|"]
    found = {}
    for row in table["rows"]:
        name, _, way = row["name"].partition(", ")
        found.setdefault(name, {})[way] = [c["perLap"] for c in row["counts"]]
    for name, ways in found.items():
        hand = ways.get("by-hand") or next(iter(ways.values()))
        ours = ways.get("containers")
        cells = [*hand, *(ours or ["–", "–"])]
        lines.append(f"| {name} | " + " | ".join(f"{c:.0f}" if c != "–" else c for c in cells) + " |")
    return "\n".join(lines)


def targets_text(run):
    lines = ["| # | what | measured | bound | verdict |", "|---|---|---|---|---|"]
    for verdict in sorted(run["verdicts"], key=lambda v: v["target"] or 99):
        mark = f"**{verdict['outcome']}**" if verdict["outcome"] == "missed" else verdict["outcome"]
        lines.append(
            f"| {verdict['target'] or '–'} | {verdict['what'].strip()} | {verdict['measured']} | "
            f"{verdict['bound']} | {mark} |")
    count = {}
    for verdict in run["verdicts"]:
        count[verdict["outcome"]] = count.get(verdict["outcome"], 0) + 1
    lines += ["", ", ".join(f"{n} {name}" for name, n in sorted(count.items())) + "."]
    return "\n".join(lines)


def machine_text(run):
    machine = run["machine"]
    return "\n".join([
        f"- machine: {machine['cores']} × {machine['processor']}, {machine['memory']}, {machine['kernel']}",
        f"- versions: {machine['versions'] or 'not told'}; {machine['build']}",
        f"- load: {machine['loadAtStart']} at the start, {machine['loadAtEnd']} at the end (1 is the run itself)",
        f"- sizes: {run['size']}; the run took {run['seconds']:,.0f} s",
    ])


def text_of(run, part):
    if part == "machine":
        return machine_text(run)
    if part == "targets":
        return targets_text(run)
    if part == "effort":
        return effort_text(run)
    found = tables_of(run, part)
    if not found:
        return "" if part == "other" else "(not measured in this run)"
    text = "\n\n".join(table_text(t) for t in found)
    if len(found) <= 2:
        return text
    return f"<details><summary>{len(found)} tables</summary>\n\n{text}\n\n</details>"


def fill(run):
    page = PAGE.read_text()
    pattern = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.S)
    PAGE.write_text(pattern.sub(lambda m: f"{m[1]}{text_of(run, m[2])}\n{m[3]}", page))


# Figures


def rows_of(table):
    return [(r["name"], r["figure"]["median"], r["figure"]["lowerQuartile"],
             r["figure"]["upperQuartile"], {c["name"]: c["perLap"] for c in r["counts"]})
            for r in table["rows"]]


def colour(name):
    if name.startswith("floor") or name.startswith("plain"):
        return GREY
    return RED if name.startswith(PEERS) else BLUE


def bars(plt, path, tables, title, unit, log=True):
    """One panel for each table, with the middle half of the samples as a line."""
    if not tables:
        return
    height = sum(len(t["rows"]) for t in tables) * 0.3 + len(tables) * 0.7
    figure, panels = plt.subplots(
        len(tables), 1, figsize=(8, height), squeeze=False,
        gridspec_kw={"height_ratios": [len(t["rows"]) + 0.8 for t in tables]})
    for panel, table in zip(panels[:, 0], tables):
        rows = rows_of(table)[::-1]
        panel.barh(
            [r[0] for r in rows], [r[1] for r in rows], color=[colour(r[0]) for r in rows],
            xerr=[[max(0, r[1] - r[2]) for r in rows], [max(0, r[3] - r[1]) for r in rows]], ecolor="black",
            error_kw={"linewidth": 0.8})
        for place, row in enumerate(rows):
            panel.text(max(row[3], row[1]), place, f" {number(row[1])}", va="center", fontsize=7)
        if log:
            panel.set_xscale("log")
            panel.set_xlim(left=min(r[1] for r in rows) / 3)
        panel.margins(x=0.15)
        panel.set_title(table["title"], fontsize=8, loc="left")
        panel.tick_params(labelsize=7)
    panels[-1, 0].set_xlabel(unit, fontsize=8)
    figure.suptitle(title, fontsize=9)
    save(plt, figure, path)


def save(plt, figure, path):
    figure.tight_layout()
    figure.savefig(FOLDER / path, metadata={"Date": None})
    plt.close(figure)


def draw_program(plt, run):
    lines = {}
    for table in tables_of(run, "program"):
        share = int(re.search(r", (\d+) % writes", table["title"])[1])
        for row in table["rows"][1:]:
            lines.setdefault(row["name"].replace("container, ", ""), []).append((share, row["ratio"]))
    if not lines:
        return
    figure, panel = plt.subplots(figsize=(6, 3.5))
    for name, points in lines.items():
        points.sort()
        panel.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=name)
    panel.axhline(1, color=GREY, linewidth=0.8)
    panel.axhline(1.5, color=RED, linewidth=0.8, linestyle="dashed", label="target at 10 %")
    panel.set_xlabel("share of requests that write, %", fontsize=8)
    panel.set_ylabel("time over the same program\nwithout containers", fontsize=8)
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=7)
    panel.set_title("durable: look-up program, Zipf 0.75", fontsize=9)
    save(plt, figure, "program.svg")


def draw_parts(plt, run):
    tables = tables_of(run, "parts")
    if not tables:
        return
    figure, panels = plt.subplots(len(tables), 1, figsize=(8, 3.6 * len(tables)), squeeze=False)
    shades = ["#1b3a6b", "#3366aa", "#88aadd", "#ddaa44", "#cc7755", "#994433"]
    for panel, table in zip(panels[:, 0], tables):
        rows = rows_of(table)[::-1]
        left = [0.0] * len(rows)
        for step, shade in zip(STEPS, shades):
            widths = [r[4].get(f"{step} µs", 0) for r in rows]
            panel.barh([r[0] for r in rows], widths, left=left, color=shade, label=step)
            left = [a + b for a, b in zip(left, widths)]
        panel.set_title(table["title"], fontsize=8, loc="left")
        panel.tick_params(labelsize=7)
        panel.legend(fontsize=7, ncol=6, loc="lower right")
    panels[-1, 0].set_xlabel("µs, means; the first three with the container's lock held", fontsize=8)
    save(plt, figure, "parts.svg")


def draw_micro(plt, run):
    tables = [t for t in tables_of(run, "micro") if "effect of" in t["title"]]
    if not tables:
        return
    figure, panel = plt.subplots(figsize=(8, 5))
    labels, values, colours = [], [], []
    for index, table in enumerate(tables):
        axis = re.search(r"effect of the (.*), over", table["title"])[1]
        for row in table["rows"]:
            labels.append(f"{axis}: {row['name']}")
            values.append(row["ratio"])
            colours.append(BLUE if index % 2 == 0 else GREEN)
    panel.barh(labels[::-1], values[::-1], color=colours[::-1])
    panel.axvline(1, color="black", linewidth=0.8)
    panel.set_xscale("log")
    panel.tick_params(labelsize=7)
    panel.set_xlabel("time over the axis's first value, all else equal (geometric mean)", fontsize=8)
    panel.set_title("durable: what each axis of the microbenchmark does", fontsize=9)
    save(plt, figure, "micro.svg")


def draw_effort(plt, run):
    tables = tables_of(run, "effort")
    if not tables:
        return
    found = {}
    for row in tables[0]["rows"]:
        name, _, way = row["name"].partition(", ")
        if way in ("by-hand", "containers"):
            found.setdefault(name, {})[way] = [c["perLap"] for c in row["counts"]]
    figure, panel = plt.subplots(figsize=(6, 3))
    for place, (name, ways) in enumerate(found.items()):
        for shift, way, shades in ((-0.2, "by-hand", (RED, "#dd9988")), (0.2, "containers", (BLUE, "#88aadd"))):
            persist, restore = ways[way]
            panel.bar(place + shift, persist, 0.36, color=shades[0],
                      label=f"{way}: persist" if place == 0 else None)
            panel.bar(place + shift, restore, 0.36, bottom=persist, color=shades[1],
                      label=f"{way}: restore" if place == 0 else None)
    panel.set_xticks(range(len(found)), list(found), fontsize=8)
    panel.set_ylabel("lines", fontsize=8)
    panel.legend(fontsize=7)
    panel.set_title("lines to persist and to restore", fontsize=9)
    save(plt, figure, "effort.svg")


def draw(run):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "softpm"
    matplotlib.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt
    FOLDER.mkdir(exist_ok=True)
    bars(plt, "one-chunk.svg", tables_of(run, "one-chunk"), "durable: one dirty chunk", "µs", log=False)
    bars(plt, "dirty-bytes.svg", tables_of(run, "dirty-bytes"), "durable: more dirty bytes", "µs")
    bars(plt, "stalls.svg", tables_of(run, "stalls"), "memory only: how long a point holds the lock", "µs")
    bars(plt, "graph.svg", tables_of(run, "graph"), "durable: whole graphs", "ms")
    bars(plt, "program-peers.svg", tables_of(run, "program-peers"), "durable: kept every 100 ms", "ns a request")
    for column in ("durable", "buffered", "memory"):
        bars(plt, f"peers-{column}.svg", tables_of(run, f"peers-{column}"), f"{column}: the same updates", "µs")
    bars(plt, "restore.svg", [t for t in tables_of(run, "restore") if t["durability"] == "memory"],
         "memory only: restoring what is in the page cache", "ms")
    bars(plt, "heap.svg", [t for t in tables_of(run, "heap") if t["unit"] == "ns"],
         "memory only: allocating and freeing", "ns", log=False)
    bars(plt, "first-writes.svg", tables_of(run, "first-writes"), "memory only: a first write", "µs")
    bars(plt, "space.svg", tables_of(run, "space"), "durable: 100 versions", "MiB", log=False)
    draw_program(plt, run)
    draw_parts(plt, run)
    draw_micro(plt, run)
    draw_effort(plt, run)
    # For `softpm-bench --compare`, without the single cells.
    small = dict(run, tables=[t for t in run["tables"] if not t["isDetail"]])
    (FOLDER / "run.json").write_text(json.dumps(small, ensure_ascii=False, sort_keys=True) + "\n")


def check():
    page = PAGE.read_text()
    present = set(re.findall(r"<!-- generated: ([a-z-]+) -->", page))
    known = set(PARTS) | {"machine", "targets", "other"}
    pictures = set(re.findall(r"\(figures/([a-z-]+\.svg)\)", page))
    problems = [f"docs/performance.md has an unknown part: {n}" for n in sorted(present - known)]
    problems += [f"docs/performance.md lacks the part: {n}" for n in sorted(known - present)]
    problems += [
        f"docs/performance.md shows a figure that is not there: {n}" for n in sorted(pictures)
        if not (FOLDER / n).exists()]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def main():
    arguments = sys.argv[1:]
    if "--check" in arguments:
        return check()
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    run = json.loads(pathlib.Path(arguments[0]).read_text())
    if run["size"] != "full":
        print(f"note: these are {run['size']} sizes", file=sys.stderr)
    draw(run)
    fill(run)
    if check() != 0:
        return 1
    print(f"drawn: {FOLDER.relative_to(ROOT)}/*.svg; filled: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
