"""As much of HTTP/2 as one unary gRPC call takes, in Python on a plain socket.

For forked children: gRPC's own library keeps threads and locks in C that no child gets whole
(``delivery.grpc_forked`` says what was measured). A socket has neither.
"""
