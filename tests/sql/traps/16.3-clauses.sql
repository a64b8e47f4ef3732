SELECT qty AS q FROM shop WHERE q > 1
-- [["_rowName"]]

SELECT -qty AS qty FROM shop ORDER BY qty
-- [["_rowName","qty"],["s4",null],["s1",-3],["s3",-2],["s2",-1]]

-- road: compiled
SELECT qty FROM shop ORDER BY qty DESC
-- [["_rowName","qty"],["s1",3],["s3",2],["s2",1],["s4",null]]

-- road: compiled
SELECT item FROM shop ORDER BY item LIMIT 1 OFFSET 1
-- [["_rowName","item"],["s1","apple"]]

SELECT item FROM shop OFFSET 1 LIMIT 1
-- error: expected eof

SELECT DISTINCT item FROM shop
-- error: Generic 'DISTINCT' is not currently supported. Please use 'DISTINCT ON'.

SELECT DISTINCT ON (item) item, qty FROM shop ORDER BY item, qty DESC
-- [["_rowName","item","qty"],["s1","apple",3],["s2","pear",1],["s4","plum",null]]

-- road: compiled
SELECT count(*) AS n FROM shop WHERE qty > 99
-- [["_rowName","n"],["[]",0]]

-- road: compiled
SELECT sum(qty) AS n FROM shop WHERE qty > 99
-- [["_rowName"]]

-- road: compiled
SELECT count(*) AS n FROM shop GROUP BY item
-- [["_rowName","n"],["\"[\"\"apple\"\"]\"",2],["\"[\"\"pear\"\"]\"",1],["\"[\"\"plum\"\"]\"",1]]

-- road: compiled
SELECT count(*) AS n FROM shop GROUP BY qty
-- [["_rowName","n"],["[null]",1],["[1]",1],["[2]",1],["[3]",1]]

SELECT max(qty) AS m FROM shop GROUP BY 1
-- [["_rowName","m"],["[1]",3]]

SELECT 1 + qty AS x FROM shop GROUP BY qty + 1
-- error: variable 'qty' must appear in the GROUP BY clause or be used in an aggregate function

SELECT rowName() AS r FROM shop GROUP BY rowName()
-- [["_rowName","r"],["\"[\"\"s1\"\"]\"","\"[\"\"s1\"\"]\""],["\"[\"\"s2\"\"]\"","\"[\"\"s2\"\"]\""],
-- ["\"[\"\"s3\"\"]\"","\"[\"\"s3\"\"]\""],["\"[\"\"s4\"\"]\"","\"[\"\"s4\"\"]\""]]

SELECT item FROM shop GROUP BY item HAVING count(*)
-- error: HAVING must be a boolean expression

SELECT x, x + 0 AS z FROM steps
-- [{"rowName":"m1","columns":[["x",1,"2020-01-01T00:00:00Z"],["x",2,"2020-01-03T00:00:00Z"],
-- ["x",3,"2020-01-02T00:00:00Z"],["z",2,"2020-01-03T00:00:00Z"]]}]

SELECT y FROM steps WHERE x = 3
-- [["_rowName","y"],["m1",7]]

SELECT y FROM steps WHERE x + 0 = 3
-- [["_rowName"]]

SELECT x FROM steps WHEN value_timestamp() > TIMESTAMP '2021-01-01'
-- [{"rowName":"m1","columns":[["x",null,"-Inf"]]}]

SELECT * FROM steps WHEN value_timestamp() < '2020-01-02'
-- [{"rowName":"m1"}]
