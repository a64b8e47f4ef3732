-- sql-language.md, 1, 2, 5 and 16.1: values and operators.

SELECT 1 / 2 AS x;
-- [["_rowName","x"],["result",0.5]]
SELECT (4 / 2) IS INTEGER AS a, 1e3 AS b, 2.0 IS INTEGER AS c;
-- [["_rowName","a","b","c"],["result",1,1000,1]]
SELECT 1 / 0 AS x;
-- [["_rowName","x"],["result","Inf"]]
SELECT 1 / 0 AS x;
-- full [{"rowName":"result","columns":[["x",{"num":"Inf"},"-Inf"]]}]
SELECT 7 % 0 AS x;
-- error Integer Modulus by a zero dividend
SELECT -7 % 4 AS a, 5.5 % 2 AS b, (-7) % 4 AS c;
-- [["_rowName","a","b","c"],["result",-3,1.5,-3]]
SELECT 1 + 2 + 'a' AS a, 'a' + 1 + 2 AS b;
-- [["_rowName","a","b"],["result","3a","a12"]]
SELECT '5' + 5 AS x;
-- [["_rowName","x"],["result","55"]]
SELECT '5' * 2 AS x;
-- error Can't convert value '5' of type 'ASCII_STRING' to double
SELECT 'é' * 2 AS x;
-- error Can't convert value 'é' of type 'UTF8_STRING' to double
SELECT 9007199254740993 + 0 AS x;
-- [["_rowName","x"],["result",9007199254740992]]
SELECT 1 = '1' AS a, 1 < '1' AS b, 'z' < TIMESTAMP 0 AS c;
-- [["_rowName","a","b","c"],["result",0,1,1]]
SELECT NAN = NAN AS a, NAN < -INF AS b;
-- [["_rowName","a","b"],["result",1,1]]
SELECT 'B' < 'a' AS a, 'x10' < 'x2' AS b;
-- [["_rowName","a","b"],["result",1,1]]
SELECT NULL = NULL AS a, NULL AND FALSE AS b, NULL OR TRUE AS c, NOT NULL AS d;
-- [["_rowName","a","b","c","d"],["result",null,0,1,null]]
SELECT 2 IN (1, NULL) AS a, 2 NOT IN (1, NULL) AS b, NULL IN (1) AS c;
-- [["_rowName","a","b","c"],["result",0,1,null]]
SELECT 1 BETWEEN 2 AND NULL AS a, 3 BETWEEN 2 AND NULL AS b;
-- [["_rowName","a","b"],["result",0,null]]
SELECT 5 + NULL IS NULL AS x;
-- [["_rowName","x"],["result",6]]
SELECT NOT 5 IN (1) AS x;
-- [["_rowName","x"],["result",0]]
SELECT 'apple' LIKE 'A%' AS a, 'a.c' LIKE 'a.c' AS b, 'abc' LIKE 'a.c' AS c, 'ab' LIKE '_b' AS d;
-- [["_rowName","a","b","c","d"],["result",0,1,0,1]]
SELECT 5 LIKE '5' AS x;
-- error LIKE expression must have string on left side
SELECT 'false' IS TRUE AS a, '' IS FALSE AS b, NAN IS TRUE AS c, NULL IS FALSE AS d;
-- [["_rowName","a","b","c","d"],["result",1,1,1,0]]
SELECT CAST ('12abc' AS INTEGER) AS a, CAST ('1.9' AS INTEGER) AS b, CAST ('true' AS BOOLEAN) AS c, CAST ('x' AS NUMBER) AS d;
-- [["_rowName","a","b","c","d"],["result",null,1,1,null]]
SELECT CAST (1.0 AS STRING) AS a, CAST (TIMESTAMP 60 AS NUMBER) AS b;
-- [["_rowName","a","b"],["result","1",60]]
SELECT CAST (' 12' AS NUMBER) AS a, CAST ('NaN' AS INTEGER) AS b, CAST ('1.2' AS PATH) AS c, CAST ([1, 2, 'x.y'] AS PATH) AS d;
-- [["_rowName","a","b","c","d"],["result",null,null,"\"1.2\"","1.2.\"x.y\""]]
SELECT CAST ({x: 1} AS STRING) AS a;
-- error Cannot convert value of type 'structured' to 'atomic value'
SELECT CAST (1 AS date) AS a;
-- error Unknown type 'date' for CAST (1 AS date)
SELECT CASE NULL WHEN NULL THEN 1 ELSE 2 END AS a, CASE 3 WHEN 4 THEN 1 END AS b;
-- [["_rowName","a","b"],["result",2,null]]
SELECT TIMESTAMP '2020-01-31' + INTERVAL '1 month' AS a, TIMESTAMP '2020-01-01' + 1 AS b;
-- [["_rowName","a","b"],["result","2020-02-29T00:00:00Z","2020-01-02T00:00:00Z"]]
SELECT TIMESTAMP '2020-02-29' + INTERVAL '1 month' AS a, TIMESTAMP '2020-03-01' - TIMESTAMP '2020-02-01' AS b;
-- [["_rowName","a","b"],["result","2020-03-31T00:00:00Z","29D"]]
SELECT TIMESTAMP '2020-01-01' + 1.5 AS a;
-- error Adding unsupported type to timetamp
SELECT 0.5 * INTERVAL '3d' AS a, INTERVAL '15 month 14 d 1s' AS b;
-- [["_rowName","a","b"],["result","1D 12H 0M 0S","1Y 3 MONTH 14D 1S"]]
SELECT INTERVAL '1d' = INTERVAL '24h' AS a, INTERVAL '1 year' = INTERVAL '12 month' AS b;
-- [["_rowName","a","b"],["result",0,1]]
SELECT TIMESTAMP '2020-01-01' = '2020-01-01' AS a, '2030-01-01' < TIMESTAMP '2020-01-01' AS b;
-- [["_rowName","a","b"],["result",0,1]]
SELECT TIMESTAMP TIMESTAMP 123 = TIMESTAMP 123 AS a, 1 @ TIMESTAMP 123 = 1 @ '1970-01-01T00:02:03' AS b;
-- [["_rowName","a","b"],["result",1,1]]
SELECT {a: 1, b: 2} + {b: 3, c: 4} AS *;
-- [["_rowName","a","b","c"],["result",null,5,null]]
SELECT [1, 2, 3] * 2 AS v;
-- [["_rowName","v.0","v.1","v.2"],["result",2,4,6]]
SELECT [1, 2] + [1, 2, 3] AS v;
-- error Attempt to perform operation on incompatible shaped embeddings
SELECT [1,2] + [10,20] AS v, [1,2] = {"0": 1, "1": 2} AS e;
-- [["_rowName","e","v.0","v.1"],["result",0,11,22]]
SELECT ([5,6,7])["1"] AS a, ([5,6,7])[1] AS b;
-- [["_rowName","a","b"],["result",6,1]]
SELECT 'b' IN (KEYS OF {a: 1, b: 2}) AS a, 2 IN (VALUES OF {a: 1, b: 2}) AS b, 1 IN (KEYS OF ['x', 'y']) AS c;
-- [["_rowName","a","b","c"],["result",1,1,1]]
SELECT 5 -- 3
;
-- [["_rowName","5 -- 3"],["result",5]]
SELECT 1 @ '2020-01-01' AS x;
-- full [{"rowName":"result","columns":[["x",1,"2020-01-01T00:00:00Z"]]}]
SELECT [] AS e, {} IS NULL AS f, [] IS NULL AS g;
-- full [{"rowName":"result","columns":[["e",null,"NaD"],["f",0,"NaD"],["g",1,"NaD"]]}]
SELECT 5 ^ 1 AS a, 5 & 3 AS b, 5 | 3 AS c, ~0 AS d, 1 + 2 & 3 AS e;
-- [["_rowName","a","b","c","d","e"],["result",4,1,7,-1,3]]
SELECT +1 AS a;
-- error Unknown arithmetic op + unary
SELECT [[1, 2], [3, 4]] AS m;
-- [["_rowName","m.0.0","m.0.1","m.1.0","m.1.1"],["result",1,2,3,4]]
SELECT x + 0 AS a, nosuch AS b, y = 7 AS c FROM steps;
-- full [{"rowName":"m1","columns":[["a",2,"2020-01-03T00:00:00Z"],["b",null,"-Inf"],["c",1,"2020-01-02T00:00:00Z"]]}]
SELECT $x AS a FROM shop;
-- error Bound parameters requested but none passed
SELECT $x AS a;
-- error does not support bound parameters ($1... or $name)
