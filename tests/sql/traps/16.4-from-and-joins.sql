SELECT k FROM lt JOIN rt ON lt.k = rt.k
-- [["_rowName","k"],["[a2]-[b1]",null],["[a2]-[b2]",null]]

SELECT lt.k FROM lt LEFT JOIN rt ON lt.k = rt.k ORDER BY rowName()
-- [["_rowName","lt.k"],["[a1]-[]",1],["[a2]-[b1]",2],["[a2]-[b2]",2],["[a3]-[]",null]]

SELECT * FROM lt AS x JOIN lt AS y ON x.k = y.k
-- [["_rowName","x.k","x.v","y.k","y.v"],["[a1]-[a1]",1,"p",1,"p"],["[a2]-[a2]",2,"q",2,"q"]]

SELECT rt.w FROM lt LEFT JOIN rt ON lt.k = rt.k AND lt.v = 'p' ORDER BY rowName()
-- [["_rowName","rt.w"],["[a1]-[]",null],["[a2]-[]",null],["[a3]-[]",null]]

SELECT * FROM lt JOIN rt ON k = 2
-- error: Join condition refers to unknown variables

SELECT * FROM lt JOIN lt ON lt.k = lt.k
-- error: Join has ambiguous table name(s) with same name occurring on both left and right side

SELECT * FROM lt JOIN row_dataset({one: 1}) ON lt.k = 1
-- error: Tables in joins that don't have a natural name

SELECT x.one FROM lt JOIN (SELECT 1 AS one) AS x ORDER BY rowName()
-- [["_rowName","x.one"],["[a1]-[result]",1],["[a2]-[result]",1],["[a3]-[result]",1]]

SELECT 'x' IN (SELECT k, w FROM rt) AS hit
-- [["_rowName","hit"],["result",1]]

SELECT * FROM transpose(SELECT 1 AS a)
-- error: Expected to find a ')'

SELECT * WHERE true
-- error: Wildcard usage requires a FROM statement

SELECT a
-- error: Cannot read column "a" with no FROM clause.
