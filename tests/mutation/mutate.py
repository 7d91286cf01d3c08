# SPDX-License-Identifier: Apache-2.0
"""
Finds the mutants of one C source and writes them all into one text, each behind a MUTANT(N) of mutant.h.

A mutant changes one thing:
  comparison   `<` becomes `<=`, and `>=`; the other five likewise; `==` and `!=` become each other
  condition    `&&` and `||` become each other; what is neither comparison nor `&&` nor `||` is negated
  return       a return that is not the function's last statement is left out; likewise continue, goto, and the
               break of a loop
  constant     an integer becomes the next one; true and false become each other

Left alone: constant expressions (case labels, sizes of arrays, initialisers of static objects, enumerations,
sizeof), what a macro expands to, `{ 0 }`, the count of calloc(), and `return -ENOMEM`, as the unit tests do not run out of memory. A constant
beside `<`, `<=`, `>` or `>=` is left alone too, as its next one is the change of the comparison.
"""
import re

from clang.cindex import CursorKind, Index, StorageClass, TypeKind

COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
LOGICAL = {"&&": "||", "||": "&&"}
LITERAL = re.compile(rb"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)[uUlL]*")
COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.S)
LEFT_ALONE = {
    CursorKind.STRUCT_DECL,
    CursorKind.UNION_DECL,
    CursorKind.ENUM_DECL,
    CursorKind.TYPEDEF_DECL,
    CursorKind.STATIC_ASSERT,
    CursorKind.CXX_UNARY_EXPR,  # sizeof, _Alignof
}
LOOPS = {CursorKind.FOR_STMT, CursorKind.WHILE_STMT, CursorKind.DO_STMT}


def one_line(text):
    """A copy of source text that fits on a line, so that the lines of the mutated text stay those of the source."""
    return re.sub(rb"\s+", b" ", COMMENT.sub(b" ", text)).strip()


def start(node):
    return node.extent.start.offset


def end(node):
    return node.extent.end.offset


class Mutant:
    def __init__(self, line, function, change):
        self.line, self.function, self.change = line, function, change
        self.number = 0
        self.key = ""


class Mutator:
    """Collects the edits of a source. An edit replaces [start, end) by a text made of the mutated inside."""

    def __init__(self, path, arguments):
        self.path = path
        with open(path, "rb") as file:
            self.text = file.read()
        unit = Index.create().parse(path, args=arguments)
        wrong = [str(d) for d in unit.diagnostics if d.severity >= 3]
        if wrong:
            raise SystemExit(f"{path}: cannot be parsed: {wrong[0]}")
        self.edits = {}  # (start, end) -> list of (mutant, alternative text, kind)
        self.function = None
        for node in unit.cursor.get_children():
            if node.kind == CursorKind.FUNCTION_DECL and node.is_definition() and self.here(node):
                self.function = node
                for child in node.get_children():
                    if child.kind == CursorKind.COMPOUND_STMT:
                        statements = list(child.get_children())
                        self.last = statements[-1] if statements else None
                        self.visit(child, [])

    def here(self, node):
        file = node.location.file
        return file is not None and file.name == self.path

    def source(self, node):
        return self.text[start(node) : end(node)]

    # ---- edits ----

    def add(self, node, alternative, shown, kind="expression", until=None, line_at=None):
        place = (start(node), until or end(node))
        line = self.text.count(b"\n", 0, line_at or place[0]) + 1
        change = one_line(shown).decode(errors="replace")
        edits = self.edits.setdefault(place, [])
        if all(edit[1] != alternative for edit in edits):
            edits.append((Mutant(line, self.function.spelling, change), alternative, kind))

    def operator(self, node):
        """The operator of a binary expression and its two sides; None where a macro hides it."""
        children = list(node.get_children())
        if len(children) != 2:
            return None, None, None
        left, right = children
        between = one_line(self.text[end(left) : start(right)]).decode(errors="replace")
        plain = start(node) == start(left) and end(left) <= start(right) and end(node) == end(right)
        return (between if plain else None), left, right

    def bare(self, node):
        """A node without its parentheses and the casts that the compiler adds."""
        while node.kind in (CursorKind.PAREN_EXPR, CursorKind.UNEXPOSED_EXPR):
            children = list(node.get_children())
            if len(children) != 1:
                break
            node = children[0]
        return node

    def is_not(self, node):
        return node.kind == CursorKind.UNARY_OPERATOR and self.source(node).startswith(b"!")

    def condition(self, node):
        """A node whose truth is asked for: negated, unless another rule changes it."""
        inner = self.bare(node)
        if inner.kind == CursorKind.BINARY_OPERATOR:
            operator = self.operator(inner)[0]
            if operator in COMPARISONS or operator in LOGICAL:
                return
        if self.is_not(inner) or inner.kind in (CursorKind.INTEGER_LITERAL, CursorKind.CONDITIONAL_OPERATOR):
            return
        text = one_line(self.source(inner))
        if re.match(rb"[A-Za-z_(*&+-]", text) and self.whole(inner):
            self.add(inner, b"!(" + text + b")", text + b" => !(" + text + b")")

    def whole(self, node):
        """Whether a node's text is all of it: a node out of a macro has the macro's place, or none."""
        text = self.source(node)
        return start(node) < end(node) and text.count(b"(") == text.count(b")") and b"#" not in text

    # ---- the walk ----

    def visit(self, node, above):
        if node.kind in LEFT_ALONE:
            return
        children = list(node.get_children())
        if node.kind == CursorKind.VAR_DECL:
            if node.storage_class == StorageClass.STATIC:
                return
            equals = self.text.find(b"=", node.location.offset, end(node))
            children = [c for c in children if equals >= 0 and start(c) > equals]
        elif node.kind == CursorKind.CASE_STMT:
            children = children[-1:]
        elif node.kind == CursorKind.BINARY_OPERATOR:
            self.binary(node)
        elif node.kind == CursorKind.INTEGER_LITERAL:
            self.literal(node, above)
        elif node.kind in (CursorKind.RETURN_STMT, CursorKind.CONTINUE_STMT, CursorKind.GOTO_STMT):
            self.early(node, children)
        elif node.kind == CursorKind.BREAK_STMT:
            inside = [a.kind for a in above if a.kind in LOOPS or a.kind == CursorKind.SWITCH_STMT]
            if inside and inside[-1] in LOOPS:
                self.early(node, children)
        elif self.is_not(node) and children:
            text, inner = one_line(self.source(node)), one_line(self.source(children[0]))
            if text == b"!" + inner:
                self.add(node, b"!!(" + inner + b")", text + b" => " + inner)
        for condition in self.conditions(node, children):
            self.condition(condition)
        for child in children:
            self.visit(child, above + [node])

    def conditions(self, node, children):
        if not node.kind.is_expression() and not re.match(rb"(if|while|do|for|return)\b", self.source(node)):
            return []
        if node.kind in (CursorKind.IF_STMT, CursorKind.WHILE_STMT, CursorKind.CONDITIONAL_OPERATOR):
            return children[:1]
        if node.kind == CursorKind.DO_STMT:
            return children[-1:]
        if node.kind == CursorKind.FOR_STMT:
            head = self.text.find(b";", start(node))
            # The declaration of a loop ends with the first semicolon; the condition is what stands before the second.
            return [c for c in children[:-1] if head >= 0 and start(c) > head and self.follows(c, b";") and c.kind.is_expression()]
        if node.kind == CursorKind.BINARY_OPERATOR and self.operator(node)[0] in LOGICAL:
            return children
        if node.kind == CursorKind.RETURN_STMT and self.function.result_type.get_canonical().kind == TypeKind.BOOL:
            return children
        return []

    def follows(self, node, text):
        return self.text[end(node) :].lstrip().startswith(text)

    def binary(self, node):
        operator, left, right = self.operator(node)
        sides = one_line(self.source(left)), one_line(self.source(right)) if operator else None
        if operator in COMPARISONS:
            others = COMPARISONS[operator]
        elif operator in LOGICAL:
            others = (LOGICAL[operator],)
        else:
            return
        text = one_line(self.source(node))
        for other in others:
            # Parentheses keep `a && b || c` what it was on both sides.
            alternative = b"(" + sides[0] + b") " + other.encode() + b" (" + sides[1] + b")"
            self.add(node, alternative, text + b" => " + other.encode(), line_at=end(left))

    def literal(self, node, above):
        text = self.source(node)
        shown = self.parent_text(node, above)
        if text in (b"true", b"false"):
            other = b"false" if text == b"true" else b"true"
            self.add(node, other, text + b" => " + other + shown)
            return
        if not LITERAL.fullmatch(text) or re.search(rb"\bcalloc\(\s*$", self.text[: start(node)]):
            return
        if above and any(a.kind == CursorKind.INIT_LIST_EXPR for a in above):
            if re.match(rb"\s*\]\s*(\.|=[^=])", self.text[end(node) :]):
                return
            if re.search(rb"\{\s*$", self.text[: start(node)]) and re.match(rb"\s*\}", self.text[end(node) :]):
                return
        nearest = next((a for a in reversed(above) if a.kind not in (CursorKind.UNEXPOSED_EXPR, CursorKind.PAREN_EXPR)), None)
        if nearest is not None and nearest.kind == CursorKind.BINARY_OPERATOR and self.operator(nearest)[0] in ("<", "<=", ">", ">="):
            return
        self.add(node, text + b" + 1", text + b" => " + text + b" + 1" + shown)

    def parent_text(self, node, above):
        """Where a constant stands: the smallest thing around it that says more."""
        for parent in reversed(above):
            text = one_line(self.source(parent))
            if len(text) > len(self.source(node)) + 3 and parent.kind != CursorKind.COMPOUND_STMT:
                return b" in " + (text if len(text) <= 70 else text[:67] + b"...")
        return b""

    def early(self, node, children):
        if self.last is not None and start(node) == start(self.last) and end(node) == end(self.last):
            return
        text = one_line(self.source(node))
        semicolon = re.compile(rb"\s*;").match(self.text, end(node))
        if not semicolon or not re.match(rb"(return|continue|goto|break)\b", text) or text == b"return -ENOMEM":
            return
        self.add(node, b"", b"without " + text, kind="statement", until=semicolon.end())

    # ---- the text ----

    def mutated(self, left_out):
        """The source with all mutants in it, and the mutants in order. Lines of left_out are not changed."""
        mutants = []
        places = sorted(self.edits, key=lambda place: (place[0], -place[1]))
        kept = []
        open_places = []
        for place in places:
            while open_places and open_places[-1][1] <= place[0]:
                open_places.pop()
            line = self.text.count(b"\n", 0, place[0]) + 1
            last = self.text.count(b"\n", 0, place[1]) + 1
            crosses = open_places and place[1] > open_places[-1][1]
            if not crosses and not left_out.intersection(range(line, last + 1)):
                kept.append(place)
                open_places.append(place)
        for place in kept:
            for mutant, _, _ in self.edits[place]:
                mutants.append(mutant)
                mutant.number = len(mutants)
        seen = {}
        for mutant in mutants:
            key = f"{mutant.function}\t{mutant.change}"
            seen[key] = seen.get(key, 0) + 1
            mutant.key = key if seen[key] == 1 else f"{key} [{seen[key]}]"
        out = []
        self.write(kept, 0, 0, len(self.text), out)
        return b"".join(out), mutants

    def write(self, places, index, at, until, out):
        """Writes text [at, until) with the edits that lie in it; returns the index of the next edit."""
        while index < len(places) and places[index][0] < until:
            begin, finish = places[index]
            out.append(self.text[at:begin])
            edits = self.edits[(begin, finish)]
            if edits[0][2] == "statement":
                out.append(b"{ if (!MUTANT(%d)) " % edits[0][0].number)
                index = self.write(places, index + 1, begin, finish, out)
                out.append(b" }")
            else:
                out.append(b"(")
                for mutant, alternative, _ in edits:
                    out.append(b"MUTANT(%d) ? (%s) : " % (mutant.number, alternative))
                out.append(b"(")
                index = self.write(places, index + 1, begin, finish, out)
                out.append(b"))")
            at = finish
        out.append(self.text[at:until])
        return index
