"""A name server that answers every A question with 127.0.0.1 and every other with nothing: dns.py ADDRESS"""
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5  # The name, its type and its class (RFC 1035 section 4.1.2).
    question = query[12:end]
    answers = question[-4:-2] == b"\0\1"
    head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if answers else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if answers else b""
    server.sendto(head + question + record, client)
