"""Tokens to tree: a recursive-descent parser for the whole grammar of sql-language.md, 4. One method per rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from datapod_server.errors import Invalid, QueryError
from datapod_server.sql import tree
from datapod_server.sql.lexer import Token, error_at, tokenize
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path

_TESTS = ("NULL", "TRUE", "FALSE", "STRING", "NUMBER", "INTEGER", "TIMESTAMP", "INTERVAL")
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "<>")  # the last is parsed and then refused by its name
_AFTER_WILDCARD = ("AS", "EXCLUDING", "NAMED", "FROM", "WHEN", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET")
_CONSTANTS = {"TRUE": 1, "FALSE": 0, "NULL": None, "NAN": float("nan"), "INF": float("inf"), "INFINITY": float("inf")}
# Deeper texts would overflow the stack of the thread that parses or runs them.
_DEPTH = 200
_ALL_ROWS = 2**60  # what LIMIT and OFFSET beyond mean; the sum of both still fits what counts rows

Parsed = TypeVar("Parsed")


def parse_statement(text: str) -> tree.Select:
    """Parse one SELECT statement. Raises `QueryError`."""
    return _whole(text, lambda parser: parser.statement())


def parse_expression(text: str) -> tree.Expression:
    """Parse one expression. Raises `QueryError`."""
    return _whole(text, lambda parser: parser.expression())


def parse_expressions(text: str) -> tuple[tree.Expression, ...]:
    """Parse a comma list of expressions (a GROUP BY clause); the empty text gives none."""
    return _whole(text, lambda parser: parser.expressions()) if text.strip() else ()


def parse_select_list(text: str) -> tuple[tree.Item, ...]:
    """Parse a select list; a comma at its very end is fine."""
    return _whole(text, lambda parser: parser.select_list(trailing_comma=True))


def parse_order_list(text: str) -> tuple[tree.OrderItem, ...]:
    """Parse an ORDER BY clause; the empty text gives none."""
    if not text.strip():
        return ()
    return _whole(text, lambda parser: parser.order_list(), leftover="Unexpected characters at end of order by expression")


def parse_table(text: str) -> tree.Table:
    """Parse what may stand behind FROM."""
    return _whole(text, lambda parser: parser.table())


def _whole(text: str, rule: Callable[[Parser], Parsed], leftover: str = "expected eof") -> Parsed:
    if "\x00" in text:
        raise QueryError("a query must not contain U+0000")
    parser = Parser(text)
    try:
        result = rule(parser)
    except RecursionError as error:
        raise parser.error("the query is nested too deeply") from error
    if parser.token.kind != "end":
        raise parser.error(leftover)
    return result


class Parser:
    """Reads one text from left to right; `token` is the next one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._position = 0
        self._depth = 0

    # Tokens

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def error(self, message: str, token: Token | None = None) -> QueryError:
        return error_at(self._text, (token or self.token).start, message)

    def _ahead(self, count: int = 1) -> Token:
        return self._tokens[min(self._position + count, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self._position += 1
        return token

    def _is_word(self, *words: str) -> bool:
        token = self.token
        return token.kind == "word" and str(token.value).upper() in words

    def _words_follow(self, *words: str) -> bool:
        """Whether these keywords come next, one after the other."""
        tokens = [self._ahead(count) for count in range(len(words))]
        return all(token.kind == "word" and str(token.value).upper() == word for token, word in zip(tokens, words, strict=True))

    def _take_word(self, *words: str) -> bool:
        if not self._words_follow(*words):
            return False
        self._position += len(words)
        return True

    def _need_word(self, word: str) -> None:
        if not self._take_word(word):
            raise self.error(f"expected keyword {word}")

    def _is_operator(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.value in operators

    def _take_operator(self, operator: str) -> bool:
        if not self._is_operator(operator):
            return False
        self._position += 1
        return True

    def _need_operator(self, operator: str, message: str | None = None) -> None:
        if not self._take_operator(operator):
            raise self.error(message or f"expected '{operator}'")

    def _span(self, start: int) -> tree.Span:
        return (start, self._tokens[self._position - 1].end)

    def _unsigned(self) -> int:
        token = self.token
        if token.kind != "number" or not self._text[token.start : token.end].isdigit():
            raise self.error("Expected a non-negative integer")
        self._advance()
        return int(min(token.value, _ALL_ROWS))

    # Statements

    def statement(self) -> tree.Select:
        start = self.token.start
        if not self._take_word("SELECT"):
            raise self.error("Expected SELECT")
        distinct_on = self._distinct_on()
        items = self.select_list(trailing_comma=False)
        named = self.expression() if self._take_word("NAMED") else None
        table = self.table() if self._take_word("FROM") else None
        when = self.expression() if self._take_word("WHEN") else None
        where = self.expression() if self._take_word("WHERE") else None
        group_by = self.expressions() if self._take_word("GROUP", "BY") else ()
        having = self.expression() if self._take_word("HAVING") else None
        order_by = self.order_list() if self._take_word("ORDER", "BY") else ()
        limit = self._unsigned() if self._take_word("LIMIT") else None
        offset = self._unsigned() if self._take_word("OFFSET") else 0
        return tree.Select(
            self._span(start), items, distinct_on, named, table, when, where, group_by, having, order_by, limit, offset, self._text
        )

    def _distinct_on(self) -> tuple[tree.Expression, ...]:
        token = self.token
        if not self._take_word("DISTINCT"):
            return ()
        if not self._take_word("ON"):
            raise self.error("Generic 'DISTINCT' is not currently supported. Please use 'DISTINCT ON'.", token)
        self._need_operator("(")
        expressions = self.expressions()
        self._need_operator(")")
        return expressions

    def order_list(self) -> tuple[tree.OrderItem, ...]:
        return tuple(self._separated(self._order_item))

    def _order_item(self) -> tree.OrderItem:
        start = self.token.start
        expression = self.expression()
        descending = self._take_word("DESC")
        if not descending:
            self._take_word("ASC")
        return tree.OrderItem(self._span(start), expression, descending)

    def expressions(self) -> tuple[tree.Expression, ...]:
        return tuple(self._separated(self.expression))

    def _separated(self, rule: Callable[[], Parsed]) -> list[Parsed]:
        found = [rule()]
        while self._take_operator(","):
            found.append(rule())
        return found

    # Select lists

    def select_list(self, *, trailing_comma: bool) -> tuple[tree.Item, ...]:
        items = [self._item()]
        while self._take_operator(","):
            if trailing_comma and self.token.kind == "end":
                break
            items.append(self._item())
        return tuple(items)

    def _item(self) -> tree.Item:
        if self._words_follow("COLUMN", "EXPR"):
            return self._column_expression()
        wildcard = self._try_wildcard()
        if wildcard is not None:
            return self._wildcard_item(*wildcard)
        start = self.token.start
        named = self._try_named()
        if named is not None:
            return tree.ExpressionItem(self._span(start), self.expression(), named, False)
        expression = self.expression()
        if not self._take_word("AS"):
            # The default name is the text up to the next token, comments included (6.2).
            end = start + len(self._text[start : self.token.start].rstrip())
            return tree.ExpressionItem((start, end), expression, None, False)
        if self._take_operator("*"):
            return tree.ExpressionItem(self._span(start), expression, None, True)
        alias = self._try_path()
        if alias is None:
            raise self.error("Expected identifier as name of variable")
        if self._is_operator("*") or (self._is_operator(".") and self._ahead().value == "*"):
            raise self.error("expected eof")
        return tree.ExpressionItem(self._span(start), expression, alias, False)

    def _try_named(self) -> Path | None:
        """`path :` in front of an expression; reads nothing if it is not there."""
        position = self._position
        path = self._try_path()
        if path is not None and self._take_operator(":"):
            return path
        self._position = position
        return None

    def _try_wildcard(self) -> tuple[int, Path, bool] | None:
        """Start, prefix and whether a dot stands before the star; reads nothing if what follows is no wildcard."""
        position, start = self._position, self.token.start
        prefix, dotted = Path(), False
        if not self._is_operator("*"):
            path = self._try_path()
            if path is None:
                return None
            prefix = path
            if self._is_operator(".") and self._adjoins():
                dotted = True
                self._advance()
        if self._is_operator("*") and (not prefix or self._adjoins()):
            self._advance()
            if self._ends_wildcard():
                return start, prefix, dotted
        self._position = position
        return None

    def _adjoins(self) -> bool:
        """Whether no white space stands before the next token."""
        return self._tokens[self._position - 1].end == self.token.start

    def _ends_wildcard(self) -> bool:
        return self.token.kind == "end" or self._is_operator(",", ")", "}", ":") or self._is_word(*_AFTER_WILDCARD)

    def _wildcard_item(self, start: int, prefix: Path, dotted: bool) -> tree.Wildcard:
        if self._take_operator(":"):
            source = self._try_wildcard()
            if source is None:
                raise self.error("Expected prefixed wildcard for AS wildcard expression")
            return tree.Wildcard(self._span(start), source[1], source[2], (), prefix)
        excluding = self._exclusions() if self._take_word("EXCLUDING") else ()
        new: Path | None = None
        if self._take_word("AS"):
            target = self._try_wildcard()
            if target is None:
                raise self.error("Expected prefixed wildcard for AS wildcard expression")
            new = target[1]
        return tree.Wildcard(self._span(start), prefix, dotted, excluding, new)

    def _exclusions(self) -> tuple[tree.Exclusion, ...]:
        self._need_operator("(")
        if self._take_operator(")"):
            return ()
        found = self._separated(self._exclusion)
        self._need_operator(")")
        return tuple(found)

    def _exclusion(self) -> tree.Exclusion:
        start = self.token.start
        if self._is_operator("*"):
            raise self.error("can't exclude *")
        wildcard = self._try_wildcard()
        if wildcard is not None:
            return tree.Exclusion(self._span(start), wildcard[1], True)
        path = self._try_path()
        if path is None:
            raise self.error("Expected column name or prefixed wildcard for exclusion")
        return tree.Exclusion(self._span(start), path, False)

    def _column_expression(self) -> tree.ColumnExpression:
        start = self.token.start
        self._take_word("COLUMN", "EXPR")
        structured = self._take_word("STRUCTURED")
        self._need_operator("(")
        value = self.expression() if self._take_word("SELECT") else None
        name = self.expression() if self._take_word("AS") else None
        where = self.expression() if self._take_word("WHERE") else None
        order_by = self.order_list() if self._take_word("ORDER", "BY") else ()
        offset = self._unsigned() if self._take_word("OFFSET") else 0
        limit = self._unsigned() if self._take_word("LIMIT") else None
        self._need_operator(")")
        return tree.ColumnExpression(self._span(start), structured, value, name, where, order_by, offset, limit)

    # Tables

    def table(self) -> tree.Table:
        start = self.token.start
        left = self._table_primary()
        while (kind := self._join_word()) is not None:
            # Without ON the right side takes every join that follows (8.6.1); a lone ON then belongs to the innermost one.
            right_start = self._position
            right = self._table_primary()
            if not self._is_word("ON") and self._is_word("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "OUTER"):
                self._position = right_start
                right = self.table()
            condition = self.expression() if self._take_word("ON") else None
            left = tree.JoinTable(self._span(start), kind, left, right, condition)
        return left

    def _join_word(self) -> str | None:
        if self._take_word("JOIN") or self._take_word("INNER", "JOIN"):
            return "INNER"
        for kind in ("LEFT", "RIGHT", "FULL"):
            if self._take_word(kind, "JOIN") or self._take_word(kind, "OUTER", "JOIN"):
                return kind
        if self._take_word("OUTER", "JOIN"):
            return "FULL"
        if self._is_word("INNER", "LEFT", "RIGHT", "FULL", "OUTER"):
            self._advance()
            raise self.error("expected keyword JOIN")
        return None

    def _table_primary(self) -> tree.Table:
        start = self.token.start
        if self._take_operator("("):
            return self._parenthesised_table(start)
        if self.token.kind not in ("word", "quoted"):
            raise self.error("Expected table expression")
        name = str(self._advance().value)
        if self._take_operator("("):
            return self._function_table(start, name)
        alias = self._alias("Expected identifier after the AS clause")
        return tree.DatasetTable(self._span(start), name, alias)

    def _parenthesised_table(self, start: int) -> tree.Table:
        if self._is_word("SELECT"):
            query = self._nested(self.statement)
            self._need_operator(")")
            alias = self._alias("Expected identifier after the subtable AS clause")
            return tree.SelectTable(self._span(start), query, alias)
        table = self._nested(self.table)
        self._need_operator(")")
        return table

    def _function_table(self, start: int, name: str) -> tree.Table:
        if name in ("row_dataset", "atom_dataset"):
            expression = self.expression()
            self._need_operator(")")
            alias = self._alias("Expected identifier after the AS clause")
            return tree.MembersTable(self._span(start), expression, name == "atom_dataset", alias)
        tables: list[tree.Table] = []
        text: str | None = None
        options: tree.RowLiteral | None = None
        while not self._is_operator(")"):
            if options is not None:
                raise self.error("options to table expression should be last argument")
            if self._is_operator("{"):
                options = self._row_literal()
            elif self.token.kind == "string" and text is None and (not tables or name == "match"):
                text = str(self._advance().value)
            else:
                tables.append(self._table_argument())
            if not self._take_operator(","):
                break
        self._need_operator(")", _MISSING_PARENTHESIS)
        alias = self._alias("Expected identifier after the AS clause")
        return tree.FunctionTable(self._span(start), name, tuple(tables), text, options, alias)

    def _table_argument(self) -> tree.Table:
        if self._is_word("SELECT"):
            self._advance()
            raise self.error(_MISSING_PARENTHESIS)
        return self._nested(self.table)

    def _alias(self, message: str) -> str | None:
        if not self._take_word("AS"):
            return None
        if self.token.kind not in ("word", "quoted"):
            raise self.error(message)
        return str(self._advance().value)

    # Expressions, loosest operators first

    def expression(self) -> tree.Expression:
        return self._nested(lambda: self._left("OR", lambda: self._left("AND", self._membership)))

    def _nested(self, rule: Callable[[], Parsed]) -> Parsed:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self.error(f"the query is nested more than {_DEPTH} levels deep")
        result = rule()
        self._depth -= 1
        return result

    def _left(self, word: str, operand: Callable[[], tree.Expression]) -> tree.Expression:
        start = self.token.start
        left = operand()
        while self._take_word(word):
            right = operand()
            left = tree.Binary(self._span(start), word, left, right)
        return left

    def _membership(self) -> tree.Expression:
        start = self.token.start
        operand = self._negation()
        while True:
            negated = self._words_follow("NOT", "IN") or self._words_follow("NOT", "LIKE")
            if negated:
                self._advance()
            if self._take_word("IN"):
                operand = self._in(start, operand, negated)
            elif self._take_word("LIKE"):
                pattern = self._negation()
                operand = tree.Like(self._span(start), operand, pattern, negated)
            else:
                return operand
            operand = self._continued(start, operand)

    def _continued(self, start: int, left: tree.Expression) -> tree.Expression:
        """After a suffix such as IN (..), tighter operators go on with the whole (4.1)."""
        if self._is_operator("*", "/", "%", "@"):
            left = self._products(start, left)
        if self._is_operator("+", "-", "&", "|", "^"):
            left = self._sums(start, left)
        return self._comparisons(start, left)

    def _in(self, start: int, operand: tree.Expression, negated: bool) -> tree.Expression:
        self._need_operator("(")
        found: tree.Expression
        if self._is_word("SELECT"):
            query = self._nested(self.statement)
            self._need_operator(")")
            found = tree.InSelect(self._span(start), operand, query, negated)
        elif self._words_follow("KEYS", "OF") or self._words_follow("VALUES", "OF"):
            keys = self._words_follow("KEYS", "OF")
            self._position += 2
            row = self.expression()
            self._need_operator(")")
            found = tree.InMembers(self._span(start), operand, row, keys, negated)
        else:
            items = self.expressions()
            self._need_operator(")")
            found = tree.InList(self._span(start), operand, items, negated)
        return found

    def _negation(self) -> tree.Expression:
        start = self.token.start
        if self._is_word("NOT"):
            self._advance()
            operand = self._nested(self._negation)
            return tree.Unary(self._span(start), "NOT", operand)
        return self._comparisons(start, self._sum())

    def _comparisons(self, start: int, left: tree.Expression) -> tree.Expression:
        while True:
            if self._is_operator(*_COMPARISONS):
                operator = str(self._advance().value)
                right = self._sum()
                left = tree.Binary(self._span(start), operator, left, right)
                continue
            negated = self._words_follow("NOT", "BETWEEN")
            if negated:
                self._advance()
            if not self._take_word("BETWEEN"):
                return left
            low = self._negation()
            self._need_word("AND")
            high = self._negation()
            left = tree.Between(self._span(start), left, low, high, negated)

    def _sum(self) -> tree.Expression:
        start = self.token.start
        return self._sums(start, self._sum_operand())

    def _sums(self, start: int, left: tree.Expression) -> tree.Expression:
        while self._is_operator("+", "-", "&", "|", "^"):
            operator = str(self._advance().value)
            right = self._sum_operand()
            left = tree.Binary(self._span(start), operator, left, right)
        return left

    def _sum_operand(self) -> tree.Expression:
        start = self.token.start
        if self._is_operator("+", "-"):
            operator = str(self._advance().value)
            operand = self._nested(self._sum_operand)
            return _signed(tree.Unary(self._span(start), operator, operand))
        return self._products(start, self._tight())

    def _products(self, start: int, left: tree.Expression) -> tree.Expression:
        while self._is_operator("*", "/", "%", "@"):
            operator = str(self._advance().value)
            right = self._tight()
            left = tree.Binary(self._span(start), operator, left, right)
        return left

    def _tight(self) -> tree.Expression:
        start = self.token.start
        if self._is_operator("~"):
            self._advance()
            operand = self._nested(self._tight)
            return tree.Unary(self._span(start), "~", operand)
        if self._is_word("TIMESTAMP"):
            self._advance()
            operand = self._nested(self._tight)
            return tree.Unary(self._span(start), "TIMESTAMP", operand)
        if self._is_operator("-", "+"):
            operator = str(self._advance().value)
            operand = self._nested(self._tight)
            return _signed(tree.Unary(self._span(start), operator, operand))
        return self._postfix()

    def _postfix(self) -> tree.Expression:
        start = self.token.start
        operand = self._primary()
        while True:
            if self._take_operator("["):
                member = self.expression()
                self._need_operator("]")
                operand = tree.Extract(self._span(start), operand, member)
            elif self._take_word("IS"):
                negated = self._take_word("NOT")
                if not self._is_word(*_TESTS):
                    raise self.error("Expected NULL, TRUE, FALSE, STRING, NUMBER, INTEGER, TIMESTAMP or INTERVAL after IS {NOT}")
                test = str(self._advance().value).upper()
                operand = tree.Is(self._span(start), operand, test, negated)
            else:
                return operand

    def _primary(self) -> tree.Expression:
        token = self.token
        start = token.start
        if token.kind in ("number", "string"):
            self._advance()
            return tree.Literal(self._span(start), token.value)
        if token.kind == "parameter":
            self._advance()
            return tree.Parameter(self._span(start), str(token.value))
        if self._take_operator("("):
            inner = self.expression()
            self._need_operator(")")
            return inner
        if self._is_operator("{"):
            return self._row_literal()
        if self._take_operator("["):
            elements = () if self._is_operator("]") else self.expressions()
            self._need_operator("]")
            return tree.ArrayLiteral(self._span(start), elements)
        return self._word_primary(start)

    def _word_primary(self, start: int) -> tree.Expression:
        follower = self._ahead()
        called = follower.kind == "operator" and follower.value == "("
        word = str(self.token.value).upper() if self.token.kind == "word" else ""
        is_path = follower.kind == "operator" and follower.value == "." and follower.start == self.token.end
        if not is_path:
            if word in _CONSTANTS and not called:
                self._advance()
                return tree.Literal(self._span(start), _CONSTANTS[word])
            if word == "INTERVAL" and follower.kind in ("string", "quoted"):
                return self._interval(start)
            if word == "CAST" and called:
                return self._cast(start)
            if word == "CASE" and (not called or self._is_case()):
                return self._case(start)
        path = self._try_path()
        if path is None:
            raise self.error("Expected identifier or constant")
        if self._is_operator("("):
            return self._call(start, path)
        return tree.Column(self._span(start), path)

    def _is_case(self) -> bool:
        """`CASE (x) WHEN ..` is a CASE, `case(x)` the call of a function; only the former has a WHEN behind its parentheses."""
        depth = 0
        for token in self._tokens[self._position + 1 :]:
            depth += (token.value == "(") - (token.value == ")") if token.kind == "operator" else 0
            if depth == 0 and token.kind == "word" and str(token.value).upper() == "WHEN":
                return True
            if depth < 0 or (depth == 0 and token.kind == "operator" and token.value == ","):
                return False
        return False

    def _interval(self, start: int) -> tree.Expression:
        self._advance()
        token = self._advance()
        try:
            return tree.Literal(self._span(start), Interval.parse(str(token.value)))
        except Invalid as error:
            raise self.error(str(error), token) from error

    def _cast(self, start: int) -> tree.Expression:
        self._advance()
        self._need_operator("(")
        operand = self.expression()
        self._need_word("AS")
        if self.token.kind not in ("word", "quoted"):
            raise self.error("Expected type name as identifier")
        type_name = str(self._advance().value)
        self._need_operator(")")
        return tree.Cast(self._span(start), operand, type_name)

    def _case(self, start: int) -> tree.Expression:
        self._advance()
        subject = None if self._is_word("WHEN") else self.expression()
        branches: list[tuple[tree.Expression, tree.Expression]] = []
        while self._take_word("WHEN"):
            condition = self.expression()
            self._need_word("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            raise self.error("expected keyword WHEN")
        otherwise = self.expression() if self._take_word("ELSE") else None
        self._need_word("END")
        return tree.Case(self._span(start), subject, tuple(branches), otherwise)

    def _call(self, start: int, name: Path) -> tree.Expression:
        if len(name) > 2:
            raise self.error(
                f"Ambiguous function name.  There should be one or two elements; '{name}' has {len(name)}", self._tokens[self._position - 1]
            )
        self._advance()
        if self._take_operator("*"):
            if name[-1] not in ("count", "vertical_count"):
                raise self.error("Expected identifier or constant", self._tokens[self._position - 1])
            self._need_operator(")")
            return tree.Call(self._span(start), name, (), True)
        arguments: list[tree.Expression] = []
        while not self._is_operator(")"):
            arguments.append(self.expression())
            if not self._take_operator(","):
                break
        self._need_operator(")", "expected ')' after the arguments of a function")
        return tree.Call(self._span(start), name, tuple(arguments), False)

    def _row_literal(self) -> tree.RowLiteral:
        start = self.token.start
        self._need_operator("{")
        if self._take_operator("}"):
            return tree.RowLiteral(self._span(start), ())
        items = self._nested(lambda: self.select_list(trailing_comma=False))
        self._need_operator("}")
        return tree.RowLiteral(self._span(start), items)

    def _try_path(self) -> Path | None:
        """Identifiers joined by dots without white space around them; None, reading nothing, if no identifier comes next."""
        if self.token.kind not in ("word", "quoted"):
            return None
        elements = [str(self._advance().value)]
        while self._is_operator(".") and self._adjoins() and self._ahead().kind in ("word", "quoted"):
            if self._ahead().start != self.token.end:
                break
            self._advance()
            elements.append(str(self._advance().value))
        return Path(elements)


_MISSING_PARENTHESIS = (
    "Expected to find a ')' parsing a table expression.  This is normally because of not putting a sub-SELECT within '()' characters; "
    "for example, transpose(SELECT 1) needs to be written as transpose((SELECT 1))"
)


def _signed(node: tree.Unary) -> tree.Expression:
    """A minus before a number makes one literal, so that `-1` is a constant wherever constants are asked for."""
    operand = node.operand
    if node.operator == "-" and isinstance(operand, tree.Literal) and isinstance(operand.value, int | float):
        value = -operand.value
        if isinstance(value, float) or value >= -(2**63):
            return tree.Literal(node.span, value)
    return node
