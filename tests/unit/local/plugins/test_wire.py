from google.protobuf.struct_pb2 import Struct

from local.plugins.wire import (
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_STRING,
    Secret,
    decode,
    dig,
    encode,
    has_unknown,
    hide_like,
    reveal,
)


def test_whole_numbers_come_back_as_integers_and_others_as_they_are() -> None:
    decoded = decode(encode({"replicas": 3, "ratio": 0.5, "flag": True}))
    assert decoded == {"replicas": 3, "ratio": 0.5, "flag": True}
    assert {key: type(value) for key, value in decoded.items()} == {"replicas": int, "ratio": float, "flag": bool}


def test_nulls_vanish_in_objects_and_arrays() -> None:
    message = Struct()
    message.update({"a": None, "b": {"c": None, "d": [1, None]}})
    assert decode(message) == {"b": {"d": [1]}}


def test_a_null_of_the_api_server_is_not_sent() -> None:
    assert "creationTimestamp" not in encode({"creationTimestamp": None}).fields


def test_sentinels_of_the_engine_become_unknown_and_secret() -> None:
    message = Struct()
    message.update({"name": UNKNOWN_STRING, "password": {SIGNATURE_KEY: SECRET_SIGNATURE, "value": "x"}})
    assert decode(message) == {"name": UNKNOWN, "password": Secret("x")}


def test_secrets_and_unknowns_survive_a_round_trip() -> None:
    properties = {"a": Secret({"b": [UNKNOWN]})}
    assert decode(encode(properties)) == properties


def test_an_unknown_inside_a_secret_array_is_found() -> None:
    assert has_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not has_unknown({"a": [Secret({"b": 1})]})


def test_revealed_values_hold_no_secret_at_any_depth() -> None:
    assert reveal({"a": [Secret({"b": Secret(1)})]}) == {"a": [{"b": 1}]}


def test_outputs_are_secret_where_the_inputs_were() -> None:
    hidden = hide_like({"a": {"b": 1, "c": 2}, "d": [1], "e": 1}, {"a": {"b": Secret(1)}, "d": [Secret(1)], "x": 1})
    assert hidden == {"a": {"b": Secret(1), "c": 2}, "d": Secret([1]), "e": 1}


def test_a_path_through_nothing_is_none() -> None:
    assert dig({"a": {"b": 1}}, "a", "b") == 1
    assert dig({"a": 1}, "a", "b") is None
    assert dig(None, "a") is None
