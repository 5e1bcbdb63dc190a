"""Kernel accessors of `codecs/schemas/fixp.xml`, made by `wire.sbe.generate`; not to be edited.

`get_M_F(buf, at)` and `put_M_F(buf, at, value)`: `buf` is a uint8 array, `at` the first byte of the block or
composite M in it. Integers are int64; a uint64 keeps its bits.
"""

# ruff: noqa: F403
from native.lowlevel import getter, setter
from wire.gen.fixp_tables import *

_get_u16_0 = getter("u16", 0)
_put_u16_0 = setter("u16", 0)
_get_u16_2 = getter("u16", 2)
_put_u16_2 = setter("u16", 2)
_get_u16_4 = getter("u16", 4)
_put_u16_4 = setter("u16", 4)
_get_u16_6 = getter("u16", 6)
_put_u16_6 = setter("u16", 6)
_get_u32_8 = getter("u32", 8)
_put_u32_8 = setter("u32", 8)
_get_u32_17 = getter("u32", 17)
_put_u32_17 = setter("u32", 17)
_get_u32_24 = getter("u32", 24)
_put_u32_24 = setter("u32", 24)
_get_u32_32 = getter("u32", 32)
_put_u32_32 = setter("u32", 32)
_get_u64_0 = getter("u64", 0)
_put_u64_0 = setter("u64", 0)
_get_u64_2 = getter("u64", 2)
_put_u64_2 = setter("u64", 2)
_get_u64_16 = getter("u64", 16)
_put_u64_16 = setter("u64", 16)
_get_u64_24 = getter("u64", 24)
_put_u64_24 = setter("u64", 24)
_get_u64_28 = getter("u64", 28)
_put_u64_28 = setter("u64", 28)
_get_u8_16 = getter("u8", 16)
_put_u8_16 = setter("u8", 16)
_get_u8_24 = getter("u8", 24)
_put_u8_24 = setter("u8", 24)

# composite messageHeader
get_messageHeader_blockLength = _get_u16_0
put_messageHeader_blockLength = _put_u16_0
get_messageHeader_templateId = _get_u16_2
put_messageHeader_templateId = _put_u16_2
get_messageHeader_schemaId = _get_u16_4
put_messageHeader_schemaId = _put_u16_4
get_messageHeader_version = _get_u16_6
put_messageHeader_version = _put_u16_6

# composite DATA
get_DATA_length = _get_u16_0
put_DATA_length = _put_u16_0

# composite TEXT
get_TEXT_length = _get_u16_0
put_TEXT_length = _put_u16_0

# message Negotiate
get_Negotiate_Timestamp = _get_u64_16
put_Negotiate_Timestamp = _put_u64_16
get_Negotiate_ClientFlow = _get_u8_24
put_Negotiate_ClientFlow = _put_u8_24

# message NegotiationResponse
get_NegotiationResponse_RequestTimestamp = _get_u64_16
put_NegotiationResponse_RequestTimestamp = _put_u64_16
get_NegotiationResponse_ServerFlow = _get_u8_24
put_NegotiationResponse_ServerFlow = _put_u8_24

# message NegotiationReject
get_NegotiationReject_RequestTimestamp = _get_u64_16
put_NegotiationReject_RequestTimestamp = _put_u64_16
get_NegotiationReject_Code = _get_u8_24
put_NegotiationReject_Code = _put_u8_24

# message Topic
get_Topic_Flow = _get_u8_16
put_Topic_Flow = _put_u8_16
get_Topic_KeepaliveInterval = _get_u32_17
put_Topic_KeepaliveInterval = _put_u32_17

# message Establish
get_Establish_Timestamp = _get_u64_16
put_Establish_Timestamp = _put_u64_16
get_Establish_KeepaliveInterval = _get_u32_24
put_Establish_KeepaliveInterval = _put_u32_24
get_Establish_NextSeqNo = _get_u64_28
put_Establish_NextSeqNo = _put_u64_28

# message EstablishmentAck
get_EstablishmentAck_RequestTimestamp = _get_u64_16
put_EstablishmentAck_RequestTimestamp = _put_u64_16
get_EstablishmentAck_KeepaliveInterval = _get_u32_24
put_EstablishmentAck_KeepaliveInterval = _put_u32_24
get_EstablishmentAck_NextSeqNo = _get_u64_28
put_EstablishmentAck_NextSeqNo = _put_u64_28

# message EstablishmentReject
get_EstablishmentReject_RequestTimestamp = _get_u64_16
put_EstablishmentReject_RequestTimestamp = _put_u64_16
get_EstablishmentReject_Code = _get_u8_24
put_EstablishmentReject_Code = _put_u8_24

# message Sequence
get_Sequence_NextSeqNo = _get_u64_0
put_Sequence_NextSeqNo = _put_u64_0

# message Context
get_Context_NextSeqNo = _get_u64_16
put_Context_NextSeqNo = _put_u64_16

# message RetransmitRequest
get_RetransmitRequest_Timestamp = _get_u64_16
put_RetransmitRequest_Timestamp = _put_u64_16
get_RetransmitRequest_FromSeqNo = _get_u64_24
put_RetransmitRequest_FromSeqNo = _put_u64_24
get_RetransmitRequest_Count = _get_u32_32
put_RetransmitRequest_Count = _put_u32_32

# message Retransmission
get_Retransmission_RequestTimestamp = _get_u64_16
put_Retransmission_RequestTimestamp = _put_u64_16
get_Retransmission_NextSeqNo = _get_u64_24
put_Retransmission_NextSeqNo = _put_u64_24
get_Retransmission_Count = _get_u32_32
put_Retransmission_Count = _put_u32_32

# message RetransmitReject
get_RetransmitReject_RequestTimestamp = _get_u64_16
put_RetransmitReject_RequestTimestamp = _put_u64_16
get_RetransmitReject_Code = _get_u8_24
put_RetransmitReject_Code = _put_u8_24

# message Terminate
get_Terminate_Code = _get_u8_16
put_Terminate_Code = _put_u8_16

# message FinishedSending
get_FinishedSending_LastSeqNo = _get_u64_16
put_FinishedSending_LastSeqNo = _put_u64_16

# message Applied
get_Applied_FromSeqNo = _get_u64_0
put_Applied_FromSeqNo = _put_u64_0
get_Applied_Count = _get_u32_8
put_Applied_Count = _put_u32_8

# message NotApplied
get_NotApplied_FromSeqNo = _get_u64_0
put_NotApplied_FromSeqNo = _put_u64_0
get_NotApplied_Count = _get_u32_8
put_NotApplied_Count = _put_u32_8

# message MessageTemplate
get_MessageTemplate_EncodingType = _get_u16_0
put_MessageTemplate_EncodingType = _put_u16_0
get_MessageTemplate_EffectiveTime = _get_u64_2
put_MessageTemplate_EffectiveTime = _put_u64_2
