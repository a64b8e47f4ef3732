-- sql-functions.md, 26 and the examples of its sections.

SELECT POWER(2, 2);
-- error Unable to find function 'POWER' binding function call 'POWER(2, 2)'.
SELECT pow(2, 3) AS a, ln(null) AS b, sqrt(-1) IS NUMBER AS c, round(-2.5) AS d, log(100) AS e, log(10, 1000) AS f, atan2(1, 0) AS g;
-- [["_rowName","a","b","c","d","e","f","g"],["result",8,null,1,-3,2,2.9999999999999996,1.5707963267948966]]
SELECT pow(null, 2);
-- error Executing builtin function pow: Can't convert value '' of type 'EMPTY' to double
SELECT sqrt('4');
-- error Executing builtin function sqrt: Can't convert value '4' of type 'ASCII_STRING' to double
SELECT sqrt(1, 2, 3);
-- error Binding builtin function sqrt: expected 1 argument, got 3
SELECT round(2.345, 2);
-- error expected 1 argument, got 2
SELECT log(1, 2, 3);
-- error the log function expected 1 or 2 arguments, got 3
SELECT mod(-7, 3) AS a, mod(7, -3) AS b, quantize(0.3, 0.1) AS c, quantize(-0.1, 1) AS d, quantize(217, 10) AS e, isnan(3) AS f, sign('abc') AS g, sign(-123.1) AS h;
-- [["_rowName","a","b","c","d","e","f","g","h"],["result",-1,1,0.30000000000000004,0,220,0,"NaN",-1]]
SELECT mod(5.5, 2);
-- error Can't convert value '5.5' of type 'FLOAT' to integer
SELECT mod(1, 0);
-- error Integer Modulus by a zero dividend
SELECT pow(2, [1,2,3]) AS a, power([1,2,3], 2) AS b;
-- [["_rowName","a.0","a.1","a.2","b.0","b.1","b.2"],["result",2,4,8,1,4,9]]
SELECT ceil({a: 1.2, b: null}) AS *;
-- [["_rowName","a","b"],["result",2,null]]
SELECT replace_null({a: null, b: 2}, 0) AS *, replace_nan('x', 1) AS c, replace_inf(1 / 0, 5) AS d;
-- [["_rowName","a","b","c","d"],["result",0,2,"x",5]]
SELECT clamp(nan, 3, 7) AS a, clamp(2, null, 1) AS b, clamp(-2, -1, null) AS c, clamp({a: 11, b: null}, 3, 7) AS d, clamp(inf, null, 1) AS e;
-- [["_rowName","a","b","c","d.a","d.b","e"],["result",3,1,-1,7,null,1]]
SELECT pi() AS a, e() AS b, abs(-5) AS c, floor(-12.4) AS d, exp(710) AS e, atanh(1) AS f;
-- [["_rowName","a","b","c","d","e","f"],["result",3.141592653589793,2.718281828459045,5,-13,"Inf","Inf"]]
SELECT length(null) AS a, lower(null) AS b, length(22) AS c, length('é') AS d, blob_length('é') AS e, upper('straße') AS f;
-- [["_rowName","a","b","c","d","e","f"],["result",0,"",2,1,2,"STRASSE"]]
SELECT remove_prefix('abc', null);
-- error The arguments passed to remove_prefix must be two strings
SELECT remove_prefix('awesome', 'awe') AS a, levenshtein_distance('Québec', 'Quebec') AS b, levenshtein_distance('patate', 'potato') AS c;
-- [["_rowName","a","b","c"],["result","some",1,2]]
SELECT regex_match('abc', 'b') AS a, regex_search('abc', 'b') AS b, regex_replace('banana', 'a', 'o') AS c, regex_replace('ab', '(a)(b)', '\2\1') AS d, regex_match(123, '[[:digit:]]+') AS e, regex_search(null, 'a') AS f;
-- [["_rowName","a","b","c","d","e","f"],["result",0,1,"bonono","ba",1,null]]
SELECT regex_match('a', null);
-- error Regular expressions need to be strings.
SELECT regex_match('a', '(');
-- error Regular expressions must adhere to Perl-style regular expression syntax.
SELECT split_part('a::b:c', '::') AS s;
-- [["_rowName","s.0","s.1","s.2"],["result","a","b","c"]]
SELECT tokenize('a,b,,a') AS *;
-- [["_rowName","a","b"],["result",2,1]]
SELECT tokenize('"ab"cd,e', {quoteChar: '"'}) AS *;
-- [["_rowName","abcd","e"],["result",1,1]]
SELECT tokenize('a b c a', {splitChars: ' ', limit: 2, offset: 1}) AS *;
-- [["_rowName","b","c"],["result",1,1]]
SELECT tokenize('one two three', {splitChars: ' ', ngramRange: [2, 3]}) AS *;
-- [["_rowName","one_two","one_two_three","two_three"],["result",1,1,1]]
SELECT tokenize('a,b,$c,a$,a', {quoteChar: '$'}) AS *;
-- [["_rowName","a","b","c,a"],["result",2,1,1]]
SELECT tokenize('a', {nosuch: 1});
-- error Unknown field 'nosuch' parsing tokenize configuration
SELECT token_extract('a,b,c', -1) AS a, token_extract('a,b,c', 5) AS b, token_extract('a b c d e f', 3, {splitChars: ' ', limit: 2, offset: 1}) AS c, token_extract('a b c d e f', -1, {splitChars: ' ', limit: 2, offset: 1}) AS d;
-- [["_rowName","a","b","c","d"],["result","c",null,"e","c"]]
SELECT parse_json('5');
-- error JSON passed to parse_json must be an object or an array; got '5'
SELECT parse_json('{"a":true,"b":null,"c":{"d":[1,5.0]}}') AS *;
-- [["_rowName","a","b","c.d.0","c.d.1"],["result",1,null,1,5]]
SELECT parse_json('{"a.b":1}') AS *;
-- [["_rowName","\"a.b\""],["result",1]]
SELECT parse_json('["x","y"]', {arrays: 'encode'}) AS *;
-- [["_rowName","x","y"],["result",1,1]]
SELECT parse_json('[{"a": 5}, {"b": 2}]', {arrays: 'encode'}) AS *;
-- [["_rowName","0","1"],["result","{\"a\":5}","{\"b\":2}"]]
SELECT parse_json('[[1,2],[3]]', {arrays: 'encode'}) AS *;
-- [["_rowName","0.1","0.2","1.3"],["result",1,1,1]]
SELECT parse_json('{', {ignoreErrors: 1}) AS *;
-- [["_rowName","__parse_json_error__"],["result",1]]
SELECT print_json({"0": 1, "1": 2}) AS a, print_json({a10: 1, a2: 2}) AS b, print_json({b: 1, a: null}) AS c, print_json([1, 2.5, 'é']) AS d, print_json(TIMESTAMP 0) AS e, print_json(null) AS f;
-- [["_rowName","a","b","c","d","e","f"],["result","[1,2]","{\"a2\":2,\"a10\":1}","{\"a\":null,\"b\":1}","[1,2.5,\"é\"]","{\"ts\":\"1970-01-01T00:00:00Z\"}","null"]]
SELECT base64_decode('aGVsbG8=') AS a, base64_encode('hello123') AS b, extract_column('a', {a: 1, b: 2}) AS c;
-- [["_rowName","a","b","c"],["result","hello","aGVsbG8xMjM=",1]]
SELECT hash('abc') AS a, hash(1) = hash(1.0) AS b, hash(1) = hash('1') AS c, hash({a: 12, b: 'coco'}) AS d, hash([1,2]) AS e, hash({}) AS f, hash(null) AS g;
-- [["_rowName","a","b","c","d","e","f","g"],["result",17130090052465147157,1,0,4703301921268040991,1967564743491188287,2052038493334518408,null]]
SELECT stringify_path('a.b') AS a, path_length('a.b') AS b, path_length(parse_path('a.b')) AS c, stringify_path(['x', 'hello.world']) AS d, path_element(parse_path('a.b'), 1) AS e, flatten_path(parse_path('a.b')) AS f, unflatten_path('a.b') AS g;
-- [["_rowName","a","b","c","d","e","f","g"],["result","\"a.b\"",1,2,"x.\"hello.world\"","b","\"a.b\"","a.b"]]
SELECT implicit_cast('1.0') AS a, implicit_cast('12 ') AS b, implicit_cast('0x10') AS c, implicit_cast('99999999999999999999') AS d, implicit_cast('') AS e, implicit_cast(' 007') AS f, implicit_cast('1_000') AS g, implicit_cast('1e400') AS h;
-- [["_rowName","a","b","c","d","e","f","g","h"],["result",1,"12 ",16,9223372036854775807,null,7,"1_000","Inf"]]
SELECT to_timestamp('soon') IS NULL AS a, to_timestamp('2015-02-31') AS b, to_timestamp('2013-04-01T09:08:07+04:30') AS c;
-- [["_rowName","a","b","c"],["result",0,null,"2013-04-01T04:38:07Z"]]
SELECT date_part('year', null);
-- error Can't convert value '' of type 'EMPTY' to timestamp
SELECT date_part('century', TIMESTAMP 0);
-- error Invalid time unit
SELECT date_part('doy', '2015-01-01') AS a, date_part('week', '2015-01-08') AS b, date_part('isoweek', '2014-12-29') AS c, date_part('quarter', '2015-07-01') AS d, date_part('millisecond', '2015-01-01T00:00:39.5Z') AS e, date_part('hour', '2015-01-01T15:14:39Z', '+01') AS f, date_part('DAYs', '2014-12-31') AS g, date_part('dow', '2014-12-31') AS h, date_part('isodow', '2014-12-31') AS i, date_part('isoyear', '2014-12-31') AS j;
-- [["_rowName","a","b","c","d","e","f","g","h","i","j"],["result",0,1,1,3,500,14,31,3,3,2015]]
SELECT date_trunc('week', '2014-12-31T15:14:39Z') AS a, date_trunc('quarter', '2014-12-31') AS b, date_trunc('hour', '2014-12-31T15:14:39Z', '+08:00') AS c, date_trunc('isoyear', '2014-12-31') AS d, date_trunc('month', '2014-12-31') AS e;
-- [["_rowName","a","b","c","d","e"],["result","2014-12-28T00:00:00Z","2014-10-01T00:00:00Z","2014-12-31T07:00:00Z","2014-12-29T00:00:00Z","2014-12-01T00:00:00Z"]]
SELECT horizontal_sum({a: 1, b: null, c: 2.5}) AS a, horizontal_string_agg({who: 'x', how: 'y'}, '-') AS b, horizontal_min({'a', 'b'}) AS c, horizontal_count({a: 1, b: null}) AS d, horizontal_avg({a: 1, b: 3}) AS e, horizontal_avg({}) AS f, horizontal_latest({1 AS a, 2 AS b}) AS g;
-- [["_rowName","a","b","c","d","e","f","g"],["result",3.5,"y-x","a",1,2,null,1]]
SELECT jaccard_index({a: 1, b: 1}, {b: 9, c: 1}) AS a;
-- [["_rowName","a"],["result",0.3333333333333333]]
SELECT norm([3,-4], 1) AS a, norm([3,-4], 2) AS b, norm([-7,2], inf) AS c, norm([1,2], 3) AS d, norm([0,5], 0) AS e;
-- [["_rowName","a","b","c","d","e"],["result",7,5,7,2.080083823051904,1]]
SELECT norm([1], -1);
-- error Invalid power for norm() function
SELECT normalize([3,4], 2) AS a, vector_sum({a: 1, b: 2}, {a: 10}) AS b, vector_quotient([10,20], [20,0]) AS c;
-- [["_rowName","a.0","a.1","b.a","b.b","c.0","c.1"],["result",0.6,0.8,11,"NaN",0.5,"Inf"]]
SELECT shape([[1,2,3]]) AS a, concat([1,2], [3]) AS b, slice([[1,2],[3,4]], 1) AS c, flatten([[1,2],[3,4]]) AS d, reshape([1,2,3], [2,2], 0) AS e;
-- [["_rowName","a.0","a.1","b.0","b.1","b.2","c.0","c.1","d.0","d.1","d.2","d.3","e.0.0","e.0.1","e.1.0","e.1.1"],["result",1,3,1,2,3,2,4,1,2,3,4,1,2,3,0]]
SELECT reshape([1,2,3,4,5], [2,2]);
-- error Attempt to change embedding size by reshaping.  Original size is [5] target size is [4]
SELECT try(parse_json('coco'), 'err') AS a, try(1/0, 'x') AS b, try(sqrt('x'), 'y') AS c;
-- [["_rowName","a","b","c"],["result","err","Inf","y"]]
SELECT latest_timestamp(1 @ '2015-01-01') AS a, earliest_timestamp(5) AS b;
-- [["_rowName","a","b"],["result","2015-01-01T00:00:00Z","-Inf"]]
SELECT 1 @ NULL;
-- error Can't convert value '' of type 'EMPTY' to timestamp
