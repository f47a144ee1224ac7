"""Two memory operations that compiled code needs and Python cannot say. They check no bounds."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _copy_bytes(typingctx: Any, target: Any, target_at: Any, source: Any, source_at: Any, length: Any) -> Any:  # noqa: ARG001
    """memcpy(target[target_at:], source[source_at:], length) between uint8 arrays that do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = context.make_array(signature.args[0])(context, builder, args[0])
        origin = context.make_array(signature.args[2])(context, builder, args[2])
        to_pointer = builder.gep(to.data, [args[1]])
        cgutils.raw_memcpy(builder, to_pointer, builder.gep(origin.data, [args[3]]), args[4], 1)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, types.int64), codegen


def _load64(typingctx: Any, source: Any, at: Any) -> Any:  # noqa: ARG001
    """Eight bytes of a uint8 array as a little-endian int64, at any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        word = context.get_value_type(types.int64).as_pointer()
        return builder.load(builder.bitcast(builder.gep(array.data, [args[1]]), word), align=1)

    return types.int64(source, types.int64), codegen


copy_bytes: Any = intrinsic(_copy_bytes)
load64: Any = intrinsic(_load64)
