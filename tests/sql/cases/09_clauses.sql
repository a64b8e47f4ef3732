-- sql-language.md, 9 to 12 and 16.3: WHERE, WHEN, GROUP BY, HAVING, ORDER BY, DISTINCT ON, LIMIT, OFFSET.

SELECT qty AS q FROM shop WHERE q > 1;
-- [["_rowName"]]
SELECT -qty AS qty FROM shop ORDER BY qty;
-- [["_rowName","qty"],["s4",null],["s1",-3],["s3",-2],["s2",-1]]
SELECT qty FROM shop ORDER BY qty DESC;
-- [["_rowName","qty"],["s1",3],["s3",2],["s2",1],["s4",null]]
SELECT item FROM shop ORDER BY item LIMIT 1 OFFSET 1;
-- [["_rowName","item"],["s1","apple"]]
SELECT item FROM shop OFFSET 1 LIMIT 1;
-- error expected eof
SELECT DISTINCT item FROM shop;
-- error Generic 'DISTINCT' is not currently supported. Please use 'DISTINCT ON'.
SELECT DISTINCT ON (item) item, qty FROM shop ORDER BY item, qty DESC;
-- [["_rowName","item","qty"],["s1","apple",3],["s2","pear",1],["s4","plum",null]]
SELECT DISTINCT ON (item) item, qty FROM shop ORDER BY item, qty;
-- [["_rowName","item","qty"],["s3","apple",2],["s2","pear",1],["s4","plum",null]]
SELECT DISTINCT ON (qty) item FROM shop ORDER BY item;
-- error DISTINCT ON expression must match leftmost(s) ORDER BY clause(s)
SELECT DISTINCT ON (item, qty) item FROM shop ORDER BY item;
-- error DISTINCT ON expression cannot have more clauses than ORDER BY expression
SELECT count(*) AS n FROM shop WHERE qty > 99;
-- [["_rowName","n"],["[]",0]]
SELECT sum(qty) AS n FROM shop WHERE qty > 99;
-- [["_rowName"]]
SELECT count(*) AS n FROM shop GROUP BY item;
-- [["_rowName","n"],["\"[\"\"apple\"\"]\"",2],["\"[\"\"pear\"\"]\"",1],["\"[\"\"plum\"\"]\"",1]]
SELECT count(*) AS n FROM shop GROUP BY qty;
-- [["_rowName","n"],["[null]",1],["[1]",1],["[2]",1],["[3]",1]]
SELECT max(qty) AS m FROM shop GROUP BY 1;
-- [["_rowName","m"],["[1]",3]]
SELECT 1 + qty AS x FROM shop GROUP BY qty + 1;
-- error variable 'qty' must appear in the GROUP BY clause or be used in an aggregate function
SELECT (qty+1) * 2 AS x FROM shop GROUP BY qty + 1;
-- [["_rowName","x"],["[null]",null],["[2]",4],["[3]",6],["[4]",8]]
SELECT rowName() AS r FROM shop GROUP BY rowName() LIMIT 1;
-- [["_rowName","r"],["\"[\"\"s1\"\"]\"","\"[\"\"s1\"\"]\""]]
SELECT item FROM shop GROUP BY item HAVING count(*);
-- error HAVING must be a boolean expression
SELECT qty FROM shop HAVING qty > 1;
-- error HAVING expression requires a GROUP BY expression
SELECT count(*) AS n GROUP BY 1;
-- error GROUP BY usage requires a FROM statement
SELECT count(*), sum(qty) AS q, max({qty, price}) AS * FROM shop;
-- [["_rowName","count(*)","price","q","qty"],["[]",4,2,6,3]]
SELECT sum({qty, price}) FROM shop;
-- [["_rowName","sum({qty, price}).price","sum({qty, price}).qty"],["[]",3.75,6]]
SELECT count({*}) AS * FROM shop;
-- [["_rowName","item","note","price","qty"],["[]",4,1,4,3]]
SELECT qty, count(*) FROM shop;
-- error variable 'qty' must appear in the GROUP BY clause or be used in an aggregate function
SELECT *, count(*) FROM shop;
-- error Wildcard cannot be used with GROUP BY
SELECT horizontal_count({*}), count(*) FROM shop;
-- error Mixing non-aggregator 'horizontal_count({*})' with aggregators is not allowed
SELECT horizontal_count({*}) FROM shop GROUP BY item;
-- error Non-aggregator 'horizontal_count({*})' with GROUP BY clause is not allowed
SELECT sum(horizontal_count({*})) AS n FROM shop;
-- [["_rowName","n"],["[]",12]]
SELECT avg(qty, price) FROM shop;
-- error function avg expected 1 argument, got 2
SELECT item, count(*) AS n, avg(qty) AS m FROM shop WHERE qty IS NOT NULL GROUP BY item;
-- [["_rowName","item","m","n"],["\"[\"\"apple\"\"]\"","apple",2.5,2],["\"[\"\"pear\"\"]\"","pear",1,1]]
SELECT qty % 2 AS odd, count(*) AS n FROM shop GROUP BY qty % 2;
-- [["_rowName","n","odd"],["[null]",1,null],["[0]",1,0],["[1]",2,1]]
SELECT count(*) AS n NAMED item FROM shop GROUP BY item HAVING count(*) > 1;
-- [["_rowName","n"],["apple",2]]
SELECT item, max(qty) AS top FROM shop WHERE qty IS NOT NULL GROUP BY item ORDER BY max(qty) DESC LIMIT 1;
-- [["_rowName","item","top"],["\"[\"\"apple\"\"]\"","apple",3]]
SELECT item, count(*) AS n FROM shop GROUP BY item ORDER BY n DESC, item DESC OFFSET 1;
-- [["_rowName","item","n"],["\"[\"\"plum\"\"]\"","plum",1],["\"[\"\"pear\"\"]\"","pear",1]]
SELECT group_key_element(1) AS p, count(*) AS n FROM shop GROUP BY item, price;
-- [["_rowName","n","p"],["\"[\"\"apple\"\",0.5]\"",2,0.5],["\"[\"\"pear\"\",0.75]\"",1,0.75],["\"[\"\"plum\"\",2]\"",1,2]]
SELECT item FROM shop GROUP BY shop.item OFFSET 1;
-- [["_rowName","item"],["\"[\"\"pear\"\"]\"","pear"],["\"[\"\"plum\"\"]\"","plum"]]
SELECT item FROM shop WHERE sum(qty) > 1;
-- error Unable to find function 'sum'
SELECT string_agg(item, ',') AS a, count_distinct(item) AS b, pivot(item, qty) AS p FROM shop;
-- [["_rowName","a","b","p.apple","p.pear","p.plum"],["[]","apple,apple,pear,plum",3,2,1,null]]
SELECT earliest(x) AS a, latest(x) AS b, variance(x) AS c FROM (SELECT 1 @ 5 AS x);
-- [["_rowName","a","b","c"],["[]",1,1,"NaN"]]
SELECT x, x + 0 AS z FROM steps;
-- full [{"rowName":"m1","columns":[["x",1,"2020-01-01T00:00:00Z"],["x",2,"2020-01-03T00:00:00Z"],["x",3,"2020-01-02T00:00:00Z"],["z",2,"2020-01-03T00:00:00Z"]]}]
SELECT x FROM steps;
-- [["_rowName","x"],["m1",2]]
SELECT y FROM steps WHERE x = 3;
-- [["_rowName","y"],["m1",7]]
SELECT y FROM steps WHERE x + 0 = 3;
-- [["_rowName"]]
SELECT y FROM steps WHERE x = 3 AND y + 0 = 7;
-- [["_rowName"]]
SELECT x FROM steps WHEN value_timestamp() > TIMESTAMP '2021-01-01';
-- full [{"rowName":"m1","columns":[["x",null,"-Inf"]]}]
SELECT * FROM steps WHEN value_timestamp() < '2020-01-02';
-- full [{"rowName":"m1"}]
SELECT * FROM steps WHEN value_timestamp() >= TIMESTAMP '2020-01-02';
-- full [{"rowName":"m1","columns":[["x",2,"2020-01-03T00:00:00Z"],["x",3,"2020-01-02T00:00:00Z"],["y",7,"2020-01-02T00:00:00Z"]]}]
SELECT x + 0 AS z FROM steps WHEN value_timestamp() < TIMESTAMP '2020-01-03' WHERE x + 0 = 2;
-- full [{"rowName":"m1","columns":[["z",3,"2020-01-02T00:00:00Z"]]}]
SELECT * FROM steps WHEN value_timestamp() = latest_timestamp(x);
-- full [{"rowName":"m1","columns":[["x",2,"2020-01-03T00:00:00Z"]]}]
SELECT * FROM steps WHEN false;
-- full [{"rowName":"m1"}]
SELECT 1 WHERE false;
-- [["_rowName"]]
SELECT item FROM shop WHERE note = NULL;
-- [["_rowName"]]
SELECT rowName() AS r FROM shop WHERE note IS NOT NULL;
-- [["_rowName","r"],["s2","s2"]]
SELECT temporal_sum(x) AS a, temporal_max(x) AS b, earliest_timestamp(x) AS c, temporal_count(x) AS d FROM steps;
-- [["_rowName","a","b","c","d"],["m1",6,3,"2020-01-01T00:00:00Z",3]]
