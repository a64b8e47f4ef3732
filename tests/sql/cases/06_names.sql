-- sql-language.md, 5.1, 6, 7 and 16.2: names, columns and wildcards.

SELECT 1 AS b, 2 AS a;
-- [["_rowName","a","b"],["result",2,1]]
SELECT [0,1,2,3,4,5,6,7,8,9,10] AS v;
-- [["_rowName","v.0","v.1","v.2","v.3","v.4","v.5","v.6","v.7","v.8","v.9","v.10"],["result",0,1,2,3,4,5,6,7,8,9,10]]
SELECT 1 + 1.1;
-- [["_rowName","\"1 + 1.1\""],["result",2.1]]
SELECT {x: 1};
-- [["_rowName","{x: 1}.x"],["result",1]]
SELECT {x.y: 1};
-- [["_rowName","\"{x.y: 1}\".x.y"],["result",1]]
SELECT 1+1, 1 + 1;
-- [["_rowName","1 + 1","1+1"],["result",2,2]]
SELECT qty * 2 /* twice */ + 1 FROM shop LIMIT 1;
-- [["_rowName","qty * 2 /* twice */ + 1"],["s1",7]]
SELECT /* before */ qty + 1 /* after */ FROM shop LIMIT 1;
-- [["_rowName","qty + 1 /* after */"],["s1",4]]
SELECT "my col" + 1 FROM shop LIMIT 1;
-- [["_rowName","\"\"\"my col\"\" + 1\""],["s1",null]]
SELECT (qty), shop.price FROM shop LIMIT 1;
-- [["_rowName","qty","shop.price"],["s1",3,0.5]]
SELECT s.qty, s.p* FROM shop AS s WHERE rowName() = 's1';
-- [["_rowName","price","s.qty"],["s1",0.5,3]]
SELECT shop.qty FROM shop AS s LIMIT 1;
-- [["_rowName","shop.qty"],["s1",null]]
SELECT * AS my* FROM shop WHERE rowName() = 's1';
-- [["_rowName","my.item","my.price","my.qty"],["s1","apple",0.5,3]]
SELECT my*: p* FROM shop WHERE rowName() = 's1';
-- [["_rowName","myrice"],["s1",0.5]]
SELECT user FROM doc;
-- [["_rowName","user.age","user.name"],["d1",30,"Ann"]]
SELECT user.* AS * FROM doc;
-- [["_rowName","age","name"],["d1",30,"Ann"]]
SELECT user.* AS u.* FROM doc;
-- [["_rowName","u.age","u.name"],["d1",30,"Ann"]]
SELECT {user.*, tag} AS all FROM doc;
-- [["_rowName","all.tag","all.user.age","all.user.name"],["d1","x",30,"Ann"]]
SELECT user[name] AS n FROM doc;
-- [["_rowName","n"],["d1","Ann"]]
SELECT * EXCLUDING (user) FROM doc;
-- [["_rowName","tag","user.age","user.name"],["d1","x",30,"Ann"]]
SELECT * EXCLUDING (user*) FROM doc;
-- [["_rowName","tag"],["d1","x"]]
SELECT * EXCLUDING (note, p*) FROM shop ORDER BY rowName() LIMIT 2;
-- [["_rowName","item","qty"],["s1","apple",3],["s2","pear",1]]
SELECT s.* EXCLUDING (qty) FROM shop AS s LIMIT 1;
-- [["_rowName","item","price"],["s1","apple",0.5]]
SELECT s.* AS * FROM shop AS s LIMIT 1;
-- [["_rowName","item","price","qty"],["s1","apple",0.5,3]]
SELECT nosuch, shop.nosuch FROM shop LIMIT 1;
-- [["_rowName","nosuch","shop.nosuch"],["s1",null,null]]
SELECT item FROM shop WHERE item = "apple";
-- [["_rowName"]]
SELECT * FROM shop WHERE rowName() = 's4';
-- [["_rowName","item","price"],["s4","plum",2]]
SELECT qty FROM shop WHERE rowName() = 's4';
-- full [{"rowName":"s4","columns":[["qty",null,"-Inf"]]}]
SELECT columnCount() AS n FROM shop ORDER BY rowName();
-- [["_rowName","n"],["s1",3],["s2",4],["s3",4],["s4",2]]
SELECT 1 AS x, 2 AS x;
-- full [{"rowName":"result","columns":[["x",1,"-Inf"],["x",2,"-Inf"]]}]
SELECT {a: 1} AS s, {b: 2} AS s;
-- [["_rowName","s.a","s.b"],["result",1,2]]
SELECT Sum(qty) FROM shop;
-- error Unable to find function 'Sum' binding function call 'Sum(qty)' in dataset 'shop'.
SELECT 1 NAMED 'a.b';
-- [["_rowName","1"],["\"a.b\"",1]]
SELECT 1 NAMED ['a','b'];
-- [["_rowName","1"],["a.b",1]]
SELECT 1 NAMED NULL;
-- error Can't create a row with a null name.
SELECT 1 NAMED {x: 1};
-- error Unable to create a row name from the passed expression. Row names must be either a simple atom, or a Path atom, or an array of atoms.
SELECT qty NAMED item + '_' + rowName() FROM shop WHERE qty > 1 ORDER BY qty;
-- [["_rowName","qty"],["apple_s3",2],["apple_s1",3]]
SELECT rowPath() = 's1' AS e FROM shop LIMIT 1;
-- [["_rowName","e"],["s1",0]]
SELECT item FROM shop WHERE rowPath() = 's1';
-- [["_rowName","item"],["s1","apple"]]
SELECT * FROM row_dataset({x: 1}) WHERE column = 'x';
-- [["_rowName"]]
SELECT *;
-- error Wildcard usage requires a FROM statement
SELECT {*} AS x;
-- error Cannot use wildcards with no FROM clause.
SELECT a;
-- error Cannot read column "a" with no FROM clause.
SELECT 1 AS *;
-- error Expression with AS * must return a row
SELECT COLUMN EXPR (WHERE columnName() LIKE 'p%') FROM shop WHERE rowName() = 's1';
-- [["_rowName","price"],["s1",0.5]]
SELECT COLUMN EXPR (ORDER BY rowCount() DESC, columnName() LIMIT 2) FROM shop ORDER BY rowName() LIMIT 1;
-- [["_rowName","item","price"],["s1","apple",0.5]]
SELECT COLUMN EXPR (SELECT value() * 10 AS 'x10_' + columnName() WHERE columnName() IN ('price','qty')) FROM shop WHERE rowName() = 's2';
-- [["_rowName","x10_price","x10_qty"],["s2",7.5,10]]
SELECT COLUMN EXPR STRUCTURED (SELECT norm(value(), 2)) FROM (SELECT [3,4] AS a, [6,8] AS b);
-- [["_rowName","a","b"],["result",5,10]]
SELECT COLUMN EXPR (SELECT x) FROM shop;
-- error Cannot read column 'x' inside COLUMN EXPR
SELECT area({w: 2, h: 5});
-- [["_rowName","area({w: 2, h: 5}).a"],["result",10]]
SELECT area({w: qty, h: price})[a] AS a FROM shop WHERE rowName() = 's1';
-- [["_rowName","a"],["s1",1.5]]
SELECT area({w: 2, h: 5}) AS *;
-- [["_rowName","a"],["result",10]]
SELECT area(1, 2);
-- error User function area expected a single row { } argument
SELECT {x: 1}[y] AS a;
-- error Couldn't find column 'y' in extract
