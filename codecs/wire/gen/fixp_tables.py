"""Constants of `codecs/schemas/fixp.xml`, made by `wire.sbe.generate`; not to be edited.

Accessors for kernels: `wire.gen.fixp`.
`_OFFSET` and `_SIZE` in bytes, offsets from the first byte of the block or composite; `_NULL` as accessors
return it (a uint64 keeps its bits as int64).
"""

# the schema
SCHEMA_ID = 2748
SCHEMA_VERSION = 0
SCHEMA_DIGEST = "f171f0d00808925c4d1992587a4a41ceb8bd752985c002a5acc418a883b22a5d"

# composite messageHeader
messageHeader_SIZE = 8
messageHeader_blockLength_OFFSET = 0
messageHeader_blockLength_SIZE = 2
messageHeader_templateId_OFFSET = 2
messageHeader_templateId_SIZE = 2
messageHeader_schemaId_OFFSET = 4
messageHeader_schemaId_SIZE = 2
messageHeader_version_OFFSET = 6
messageHeader_version_SIZE = 2

# composite DATA
DATA_SIZE = 2
DATA_length_OFFSET = 0
DATA_length_SIZE = 2
DATA_varData_OFFSET = 2

# composite TEXT
TEXT_SIZE = 2
TEXT_length_OFFSET = 0
TEXT_length_SIZE = 2
TEXT_varData_OFFSET = 2

# enum FlowType
FlowType_Recoverable = 0
FlowType_Idempotent = 1
FlowType_Unsequenced = 2
FlowType_None = 3
FlowType_NULL = 255

# enum NegotiationRejectCode
NegotiationRejectCode_Credentials = 0
NegotiationRejectCode_FlowTypeNotSupported = 1
NegotiationRejectCode_DuplicateId = 2
NegotiationRejectCode_Unspecified = 3
NegotiationRejectCode_NULL = 255

# enum EstablishmentRejectCode
EstablishmentRejectCode_Unnegotiated = 0
EstablishmentRejectCode_AlreadyEstablished = 1
EstablishmentRejectCode_SessionBlocked = 2
EstablishmentRejectCode_KeepaliveInterval = 3
EstablishmentRejectCode_Credentials = 4
EstablishmentRejectCode_Unspecified = 5
EstablishmentRejectCode_NULL = 255

# enum RetransmitRejectCode
RetransmitRejectCode_OutOfRange = 0
RetransmitRejectCode_InvalidSession = 1
RetransmitRejectCode_RequestLimitExceeded = 2
RetransmitRejectCode_NULL = 255

# enum TerminationCode
TerminationCode_Finished = 0
TerminationCode_UnspecifiedError = 1
TerminationCode_ReRequestOutOfBounds = 2
TerminationCode_ReRequestInProgress = 3
TerminationCode_NULL = 255

# message Negotiate
Negotiate_TEMPLATE_ID = 1
Negotiate_BLOCK_LENGTH = 25
Negotiate_SessionId_OFFSET = 0
Negotiate_SessionId_SIZE = 16
Negotiate_Timestamp_OFFSET = 16
Negotiate_Timestamp_SIZE = 8
Negotiate_ClientFlow_OFFSET = 24
Negotiate_ClientFlow_SIZE = 1

# message NegotiationResponse
NegotiationResponse_TEMPLATE_ID = 2
NegotiationResponse_BLOCK_LENGTH = 25
NegotiationResponse_SessionId_OFFSET = 0
NegotiationResponse_SessionId_SIZE = 16
NegotiationResponse_RequestTimestamp_OFFSET = 16
NegotiationResponse_RequestTimestamp_SIZE = 8
NegotiationResponse_ServerFlow_OFFSET = 24
NegotiationResponse_ServerFlow_SIZE = 1

# message NegotiationReject
NegotiationReject_TEMPLATE_ID = 3
NegotiationReject_BLOCK_LENGTH = 25
NegotiationReject_SessionId_OFFSET = 0
NegotiationReject_SessionId_SIZE = 16
NegotiationReject_RequestTimestamp_OFFSET = 16
NegotiationReject_RequestTimestamp_SIZE = 8
NegotiationReject_Code_OFFSET = 24
NegotiationReject_Code_SIZE = 1

# message Topic
Topic_TEMPLATE_ID = 4
Topic_BLOCK_LENGTH = 21
Topic_SessionId_OFFSET = 0
Topic_SessionId_SIZE = 16
Topic_Flow_OFFSET = 16
Topic_Flow_SIZE = 1
Topic_KeepaliveInterval_OFFSET = 17
Topic_KeepaliveInterval_SIZE = 4

# message Establish
Establish_TEMPLATE_ID = 5
Establish_BLOCK_LENGTH = 36
Establish_SessionId_OFFSET = 0
Establish_SessionId_SIZE = 16
Establish_Timestamp_OFFSET = 16
Establish_Timestamp_SIZE = 8
Establish_KeepaliveInterval_OFFSET = 24
Establish_KeepaliveInterval_SIZE = 4
Establish_NextSeqNo_OFFSET = 28
Establish_NextSeqNo_SIZE = 8
Establish_NextSeqNo_NULL = -1

# message EstablishmentAck
EstablishmentAck_TEMPLATE_ID = 6
EstablishmentAck_BLOCK_LENGTH = 36
EstablishmentAck_SessionId_OFFSET = 0
EstablishmentAck_SessionId_SIZE = 16
EstablishmentAck_RequestTimestamp_OFFSET = 16
EstablishmentAck_RequestTimestamp_SIZE = 8
EstablishmentAck_KeepaliveInterval_OFFSET = 24
EstablishmentAck_KeepaliveInterval_SIZE = 4
EstablishmentAck_NextSeqNo_OFFSET = 28
EstablishmentAck_NextSeqNo_SIZE = 8
EstablishmentAck_NextSeqNo_NULL = -1

# message EstablishmentReject
EstablishmentReject_TEMPLATE_ID = 7
EstablishmentReject_BLOCK_LENGTH = 25
EstablishmentReject_SessionId_OFFSET = 0
EstablishmentReject_SessionId_SIZE = 16
EstablishmentReject_RequestTimestamp_OFFSET = 16
EstablishmentReject_RequestTimestamp_SIZE = 8
EstablishmentReject_Code_OFFSET = 24
EstablishmentReject_Code_SIZE = 1

# message Sequence
Sequence_TEMPLATE_ID = 8
Sequence_BLOCK_LENGTH = 8
Sequence_NextSeqNo_OFFSET = 0
Sequence_NextSeqNo_SIZE = 8

# message Context
Context_TEMPLATE_ID = 9
Context_BLOCK_LENGTH = 24
Context_SessionId_OFFSET = 0
Context_SessionId_SIZE = 16
Context_NextSeqNo_OFFSET = 16
Context_NextSeqNo_SIZE = 8

# message UnsequencedHeartbeat
UnsequencedHeartbeat_TEMPLATE_ID = 10
UnsequencedHeartbeat_BLOCK_LENGTH = 0

# message RetransmitRequest
RetransmitRequest_TEMPLATE_ID = 11
RetransmitRequest_BLOCK_LENGTH = 36
RetransmitRequest_SessionId_OFFSET = 0
RetransmitRequest_SessionId_SIZE = 16
RetransmitRequest_Timestamp_OFFSET = 16
RetransmitRequest_Timestamp_SIZE = 8
RetransmitRequest_FromSeqNo_OFFSET = 24
RetransmitRequest_FromSeqNo_SIZE = 8
RetransmitRequest_Count_OFFSET = 32
RetransmitRequest_Count_SIZE = 4

# message Retransmission
Retransmission_TEMPLATE_ID = 12
Retransmission_BLOCK_LENGTH = 36
Retransmission_SessionId_OFFSET = 0
Retransmission_SessionId_SIZE = 16
Retransmission_RequestTimestamp_OFFSET = 16
Retransmission_RequestTimestamp_SIZE = 8
Retransmission_NextSeqNo_OFFSET = 24
Retransmission_NextSeqNo_SIZE = 8
Retransmission_Count_OFFSET = 32
Retransmission_Count_SIZE = 4

# message RetransmitReject
RetransmitReject_TEMPLATE_ID = 13
RetransmitReject_BLOCK_LENGTH = 25
RetransmitReject_SessionId_OFFSET = 0
RetransmitReject_SessionId_SIZE = 16
RetransmitReject_RequestTimestamp_OFFSET = 16
RetransmitReject_RequestTimestamp_SIZE = 8
RetransmitReject_Code_OFFSET = 24
RetransmitReject_Code_SIZE = 1

# message Terminate
Terminate_TEMPLATE_ID = 14
Terminate_BLOCK_LENGTH = 17
Terminate_SessionId_OFFSET = 0
Terminate_SessionId_SIZE = 16
Terminate_Code_OFFSET = 16
Terminate_Code_SIZE = 1

# message FinishedSending
FinishedSending_TEMPLATE_ID = 15
FinishedSending_BLOCK_LENGTH = 24
FinishedSending_SessionId_OFFSET = 0
FinishedSending_SessionId_SIZE = 16
FinishedSending_LastSeqNo_OFFSET = 16
FinishedSending_LastSeqNo_SIZE = 8
FinishedSending_LastSeqNo_NULL = -1

# message FinishedReceiving
FinishedReceiving_TEMPLATE_ID = 16
FinishedReceiving_BLOCK_LENGTH = 16
FinishedReceiving_SessionId_OFFSET = 0
FinishedReceiving_SessionId_SIZE = 16

# message Applied
Applied_TEMPLATE_ID = 17
Applied_BLOCK_LENGTH = 12
Applied_FromSeqNo_OFFSET = 0
Applied_FromSeqNo_SIZE = 8
Applied_Count_OFFSET = 8
Applied_Count_SIZE = 4

# message NotApplied
NotApplied_TEMPLATE_ID = 18
NotApplied_BLOCK_LENGTH = 12
NotApplied_FromSeqNo_OFFSET = 0
NotApplied_FromSeqNo_SIZE = 8
NotApplied_Count_OFFSET = 8
NotApplied_Count_SIZE = 4

# message MessageTemplate
MessageTemplate_TEMPLATE_ID = 19
MessageTemplate_BLOCK_LENGTH = 10
MessageTemplate_EncodingType_OFFSET = 0
MessageTemplate_EncodingType_SIZE = 2
MessageTemplate_EffectiveTime_OFFSET = 2
MessageTemplate_EffectiveTime_SIZE = 8
