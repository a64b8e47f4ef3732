SELECT 'abc
-- error: :1:9

SELECT 'abc
-- error: No closing quote character for string

SELEC 1
-- error: Expected SELECT

SELECT
-- error: Expected identifier or constant

SELECT 1 2
-- error: 1:10 ('SELECT 1 >>>2<<<'): expected eof

SELECT CAST (1)
-- error: expected keyword AS

SELECT 1 AS
-- error: Expected identifier as name of variable

SELECT * AS x FROM shop
-- error: Expected prefixed wildcard for AS wildcard expression

SELECT * EXCLUDING (1) FROM shop
-- error: Expected column name or prefixed wildcard for exclusion

SELECT * EXCLUDING (*) FROM shop
-- error: can't exclude *

SELECT CAST (1 AS 2)
-- error: Expected type name as identifier

SELECT $
-- error: Expected identifier after $

SELECT * FROM shop AS
-- error: Expected identifier after the AS clause

SELECT * FROM (SELECT 1 AS x) AS
-- error: Expected identifier after the subtable AS clause

SELECT * FROM
-- error: Expected table expression

SELECT {*}
-- error: Cannot use wildcards with no FROM clause.

SELECT 1 GROUP BY 1
-- error: GROUP BY usage requires a FROM statement

SELECT 1 HAVING true
-- error: HAVING usage requires a FROM statement

SELECT f(2) FROM shop
-- error: Unable to find function 'f' binding function call 'f(2)' in dataset 'shop'.

SELECT sqrt(1, 2, 3)
-- error: Binding builtin function sqrt: expected 1 argument, got 3

SELECT exp('a')
-- error: Executing builtin function exp: Can't convert value 'a' of type 'ASCII_STRING' to double

SELECT avg(qty, 2) FROM shop
-- error: function avg expected 1 argument, got 2

SELECT 'é' * 2
-- error: Can't convert value 'é' of type 'UTF8_STRING' to double

SELECT CAST ({x: 1} AS STRING)
-- error: Cannot convert value of type 'structured' to 'atomic value'

SELECT TIMESTAMP 0 + 1.5
-- error: Adding unsupported type to timetamp

SELECT TIMESTAMP 0 - 'a'
-- error: Substracting unsupported type to timetamp

SELECT [1, 2] + [1]
-- error: Attempt to perform operation on incompatible shaped embeddings

SELECT CAST (1 AS foo)
-- error: Unknown type 'foo' for CAST (1 AS foo)

SELECT 1 <> 2
-- error: Unknown comparison op <>

SELECT +1
-- error: Unknown arithmetic op + unary

SELECT 1 AS *
-- error: Expression with AS * must return a row

SELECT qty, count(*) FROM shop
-- error: variable 'qty' must appear in the GROUP BY clause or be used in an aggregate function

SELECT *, count(*) FROM shop
-- error: Wildcard cannot be used with GROUP BY

SELECT horizontal_count({*}) FROM shop GROUP BY item
-- error: Non-aggregator 'horizontal_count({*})' with GROUP BY clause is not allowed

SELECT horizontal_count({*}), count(*) FROM shop
-- error: Mixing non-aggregator 'horizontal_count({*})' with aggregators is not allowed

SELECT item FROM shop HAVING count(*) > 1
-- error: HAVING expression requires a GROUP BY expression

SELECT DISTINCT ON (qty) item FROM shop ORDER BY item
-- error: DISTINCT ON expression must match leftmost(s) ORDER BY clause(s)

SELECT DISTINCT ON (item, qty) item FROM shop ORDER BY item
-- error: DISTINCT ON expression cannot have more clauses than ORDER BY expression

SELECT 1 NAMED NULL
-- error: Can't create a row with a null name.

SELECT 1 NAMED {x: 1}
-- error: Unable to create a row name from the passed expression.

SELECT * FROM row_dataset(1)
-- error: Argument to row_dataset must be a row, not a scalar or NULL

SELECT * FROM foo
-- error: dataset entry 'foo' doesn't exist

SELECT nosuch.rowName() FROM shop
-- error: Unknown dataset nosuch

SELECT * FROM nofunction(shop)
-- error: could not bind dataset function nofunction

SELECT * FROM transpose(shop, lt)
-- error: transpose() takes a single argument

SELECT $x FROM shop
-- error: Bound parameters requested but none passed

SELECT $x
-- error: does not support bound parameters ($1... or $name)

-- with: {"y": 1}
SELECT $x FROM shop
-- error: No query parameter x

-- with: {"least": 2, "1": "apple"}
SELECT qty FROM shop WHERE qty >= $least AND item = $1 ORDER BY qty
-- [["_rowName","qty"],["s3",2],["s1",3]]

-- with: {"x": null}
SELECT $x IS NULL AS n
-- [["_rowName","n"],["result",1]]

SELECT COLUMN EXPR (WHERE x = 1) FROM shop
-- error: Cannot read column 'x' inside COLUMN EXPR

SELECT COLUMN EXPR (SELECT {*}) FROM shop
-- error: Cannot use wildcard inside COLUMN EXPR

SELECT COLUMN EXPR (SELECT foo()) FROM shop
-- error: Unknown function foo in column expression

SELECT COLUMN EXPR (AS NULL) FROM shop
-- error: Cannot have a NULL column name

SELECT ({a: 1})[x]
-- error: Couldn't find column 'x' in extract
