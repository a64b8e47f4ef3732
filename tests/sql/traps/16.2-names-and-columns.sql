SELECT 1 AS b, 2 AS a
-- [["_rowName","a","b"],["result",2,1]]

SELECT [0,1,2,3,4,5,6,7,8,9,10] AS v
-- [["_rowName","v.0","v.1","v.2","v.3","v.4","v.5","v.6","v.7","v.8","v.9","v.10"],["result",0,1,2,3,4,5,6,7,8,9,10]]

SELECT 1 + 1.1
-- [["_rowName","\"1 + 1.1\""],["result",2.1]]

SELECT {x: 1}
-- [["_rowName","{x: 1}.x"],["result",1]]

SELECT 1+1, 1 + 1
-- [["_rowName","1 + 1","1+1"],["result",2,2]]

SELECT s.qty, s.p* FROM shop AS s WHERE rowName() = 's1'
-- [["_rowName","price","s.qty"],["s1",0.5,3]]

SELECT * AS my* FROM shop WHERE rowName() = 's1'
-- [["_rowName","my.item","my.price","my.qty"],["s1","apple",0.5,3]]

SELECT user FROM doc
-- [["_rowName","user.age","user.name"],["d1",30,"Ann"]]

SELECT user.* AS * FROM doc
-- [["_rowName","age","name"],["d1",30,"Ann"]]

SELECT * EXCLUDING (user) FROM doc
-- [["_rowName","tag","user.age","user.name"],["d1","x",30,"Ann"]]

SELECT * EXCLUDING (user*) FROM doc
-- [["_rowName","tag"],["d1","x"]]

SELECT nosuch, shop.nosuch FROM shop LIMIT 1
-- [["_rowName","nosuch","shop.nosuch"],["s1",null,null]]

SELECT item FROM shop WHERE item = "apple"
-- [["_rowName"]]

SELECT * FROM shop WHERE rowName() = 's4'
-- [["_rowName","item","price"],["s4","plum",2]]

SELECT qty FROM shop WHERE rowName() = 's4'
-- [["_rowName","qty"],["s4",null]]

-- on: memory
SELECT columnCount() AS n FROM shop ORDER BY rowName()
-- [["_rowName","n"],["s1",3],["s2",4],["s3",4],["s4",2]]

-- on: stored
SELECT columnCount() AS n FROM shop ORDER BY rowName()
-- [["_rowName","n"],["s1",3],["s2",4],["s3",3],["s4",2]]

SELECT 1 AS x, 2 AS x
-- [{"rowName":"result","columns":[["x",1,"-Inf"],["x",2,"-Inf"]]}]

SELECT Sum(qty) FROM shop
-- error: Unable to find function 'Sum' binding function call 'Sum(qty)'

SELECT 1 NAMED 'a.b'
-- [["_rowName","1"],["\"a.b\"",1]]

SELECT 1 NAMED ['a','b']
-- [["_rowName","1"],["a.b",1]]

SELECT rowPath() = 's1' AS e FROM shop LIMIT 1
-- [["_rowName","e"],["s1",0]]

SELECT item FROM shop WHERE rowPath() = 's1'
-- [["_rowName","item"],["s1","apple"]]

SELECT * FROM row_dataset({x: 1}) WHERE column = 'x'
-- [["_rowName"]]
