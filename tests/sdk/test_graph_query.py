"""Variables of graph queries: escaped between double quotes, as they are elsewhere."""

from __future__ import annotations

import pytest

from datapod.graph_query import GQLQuery, fill_in


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ('{eq: "$name"}', {"name": 'a"}}) { x } "\n'}, '{eq: "a\\"}}) { x } \\"\\n"}'),
        ("{gte: $age} (limit: $limit)", {"age": 3, "limit": 10}, "{gte: 3} (limit: 10)"),
        ("order_asc: ${name}x", {"name": "title"}, "order_asc: titlex"),
        ('"$$5 $n" $nn', {"n": "1", "nn": True}, '"$5 1" true'),
        ('"$n"', {"n": 7}, '"7"'),
    ],
)
def test_values_take_the_place_of_names(text, values, filled):
    assert GQLQuery(text).format(values) == fill_in(text, values) == filled


def test_a_name_without_value_is_an_error_and_a_text_without_variables_is_left_alone():
    with pytest.raises(KeyError, match="name"):
        GQLQuery("$name").format()
    assert fill_in("cost: $5") == "cost: $5" and fill_in(GQLQuery("$a", {"a": 1})) == "1"
