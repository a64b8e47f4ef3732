-- sql-language.md, 8 and 16.4: FROM, sub-selects, table functions and joins.

SELECT * FROM nosuch;
-- error dataset entry 'nosuch' doesn't exist
SELECT 1 + 1 AS two;
-- [["_rowName","two"],["result",2]]
SELECT qty FROM (shop) WHERE qty = 3;
-- [["_rowName","qty"],["s1",3]]
SELECT a.n FROM (SELECT item, count(*) AS n FROM shop GROUP BY item) AS a WHERE a.item = 'apple';
-- [["_rowName","a.n"],["\"[\"\"apple\"\"]\"",2]]
SELECT n FROM (SELECT count(*) AS n FROM shop);
-- [["_rowName","n"],["[]",4]]
SELECT k FROM lt JOIN rt ON lt.k = rt.k;
-- [["_rowName","k"],["[a2]-[b1]",null],["[a2]-[b2]",null]]
SELECT lt.k FROM lt LEFT JOIN rt ON lt.k = rt.k ORDER BY rowName();
-- [["_rowName","lt.k"],["[a1]-[]",1],["[a2]-[b1]",2],["[a2]-[b2]",2],["[a3]-[]",null]]
SELECT * FROM lt AS x JOIN lt AS y ON x.k = y.k;
-- [["_rowName","x.k","x.v","y.k","y.v"],["[a1]-[a1]",1,"p",1,"p"],["[a2]-[a2]",2,"q",2,"q"]]
SELECT rt.w FROM lt LEFT JOIN rt ON lt.k = rt.k AND lt.v = 'p' ORDER BY rowName();
-- [["_rowName","rt.w"],["[a1]-[]",null],["[a2]-[]",null],["[a3]-[]",null]]
SELECT * FROM lt JOIN rt ON k = 2;
-- error Join condition refers to unknown variables
SELECT * FROM lt JOIN lt ON lt.k = lt.k;
-- error Join has ambiguous table name(s) with same name occurring on both left and right side
SELECT * FROM lt JOIN row_dataset({one: 1}) ON lt.k = 1;
-- error Tables in joins that don't have a natural name
SELECT x.one FROM lt JOIN (SELECT 1 AS one) AS x ORDER BY rowName();
-- [["_rowName","x.one"],["[a1]-[result]",1],["[a2]-[result]",1],["[a3]-[result]",1]]
SELECT 'x' IN (SELECT k, w FROM rt) AS hit;
-- [["_rowName","hit"],["result",1]]
SELECT item FROM shop WHERE rowName() IN (SELECT rowName() FROM shop WHERE qty > 1) ORDER BY rowName();
-- [["_rowName","item"],["s1","apple"],["s3","apple"]]
SELECT * FROM transpose(SELECT 1 AS a);
-- error Expected to find a ')'
SELECT * FROM transpose((SELECT item, price FROM shop)) ORDER BY rowName();
-- [["_rowName","s1","s2","s3","s4"],["item","apple","pear","apple","plum"],["price",0.5,0.75,0.5,2]]
SELECT * FROM merge((SELECT item FROM shop), (SELECT qty FROM shop)) WHERE rowName() = 's2';
-- [["_rowName","item","qty"],["s2","pear",1]]
SELECT * FROM union(shop, doc);
-- error could not bind dataset function union
SELECT count(*) AS n FROM sample(shop, {rows: 2, seed: 1});
-- gap: sample() is parsed but not executed
-- [["_rowName","n"],["[]",2]]
SELECT * FROM sample(shop, {rows: 20});
-- gap: sample() is parsed but not executed
-- error Requested more rows without replacement than available number of rows in original dataset.
SELECT * FROM row_dataset({x: 1, y: {p: 'a', q: 'b'}}) ORDER BY rowName();
-- [["_rowName","column","value","value.p","value.q"],["0","x",1,null,null],["1","y",null,"a","b"]]
SELECT * FROM atom_dataset({x: 1, y: {p: 'a', q: 'b'}}) ORDER BY rowName();
-- [["_rowName","column","value"],["0","x",1],["1","y.p","a"],["2","y.q","b"]]
SELECT * FROM row_dataset(1);
-- error Argument to row_dataset must be a row, not a scalar or NULL
SELECT * FROM lt JOIN rt ON lt.k = rt.k ORDER BY rowName();
-- [["_rowName","lt.k","lt.v","rt.k","rt.w"],["[a2]-[b1]",2,"q",2,"x"],["[a2]-[b2]",2,"q",2,"y"]]
SELECT lt.v, rt.w FROM lt LEFT JOIN rt ON lt.k = rt.k ORDER BY rowName();
-- [["_rowName","lt.v","rt.w"],["[a1]-[]","p",null],["[a2]-[b1]","q","x"],["[a2]-[b2]","q","y"],["[a3]-[]","r",null]]
SELECT rt.w FROM lt RIGHT JOIN rt ON lt.k = rt.k ORDER BY rowName();
-- [["_rowName","rt.w"],["[]-[b3]","z"],["[a2]-[b1]","x"],["[a2]-[b2]","y"]]
SELECT * FROM lt FULL JOIN rt ON lt.k = rt.k AND rt.w != 'y' ORDER BY rowName();
-- [["_rowName","rt.k","rt.w","lt.k","lt.v"],["[]-[b2]",2,"y",null,null],["[]-[b3]",3,"z",null,null],["[a1]-[]",null,null,1,"p"],["[a2]-[b1]",2,"x",2,"q"],["[a3]-[]",null,null,null,"r"]]
SELECT lt.* AS *, rt.w AS w NAMED lt.rowName() + rt.rowName() FROM lt JOIN rt ON lt.k = rt.k ORDER BY rt.w;
-- [["_rowName","k","v","w"],["a2b1",2,"q","x"],["a2b2",2,"q","y"]]
SELECT x.qty, y.qty FROM shop AS x JOIN shop AS y ON x.item = y.item AND x.qty < y.qty;
-- [["_rowName","x.qty","y.qty"],["[s3]-[s1]",2,3]]
SELECT count(*) AS n FROM lt JOIN rt;
-- [["_rowName","n"],["[]",9]]
SELECT x.v FROM lt AS x JOIN rt AS y ON x.k = y.k JOIN shop AS z ON z.qty = x.k ORDER BY rowName();
-- [["_rowName","x.v"],["[a2]-[b1]-[s3]","q"],["[a2]-[b2]-[s3]","q"]]
SELECT lt FROM lt JOIN rt ON lt.k = rt.k AND rt.w = 'x';
-- [["_rowName","lt.k","lt.v"],["[a2]-[b1]",2,"q"]]
SELECT * EXCLUDING (lt.k) FROM lt JOIN rt ON lt.k = rt.k AND rt.w = 'x';
-- [["_rowName","lt.v","rt.k","rt.w"],["[a2]-[b1]","q",2,"x"]]
SELECT lt.* AS q.* FROM lt JOIN rt ON lt.k = rt.k AND rt.w = 'x';
-- [["_rowName","q.k","q.v"],["[a2]-[b1]",2,"q"]]
SELECT leftRowName() AS l, rt.rowName() AS r FROM lt LEFT JOIN rt ON lt.k = rt.k WHERE lt.k = 1;
-- [["_rowName","l","r"],["[a1]-[]","a1",""]]
SELECT leftRowName() AS l FROM lt;
-- error Function 'leftRowName' is not available outside of a join
SELECT type, asker FROM items('Person');
-- [["_rowName","asker","type"],["i1","owner","Person"]]
SELECT type FROM items();
-- [["_rowName","type"],["i1","any"]]
SELECT e.name, i.type FROM edges('friend') AS e JOIN items('Person') AS i ON e.source = i.rowName();
-- [["_rowName","e.name","i.type"],["[e1]-[i1]","friend","Person"]]
SELECT * FROM empty;
-- [["_rowName"]]
