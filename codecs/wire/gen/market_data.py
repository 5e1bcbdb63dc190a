"""Kernel accessors of `codecs/schemas/market_data.xml`, made by `wire.sbe.generate`; not to be edited.

`get_M_F(buf, at)` and `put_M_F(buf, at, value)`: `buf` is a uint8 array, `at` the first byte of the block or
composite M in it. Integers are int64; a uint64 keeps its bits.
"""

# ruff: noqa: F403
from native.lowlevel import getter, setter
from wire.gen.market_data_tables import *

_get_i32_0 = getter("i32", 0)
_put_i32_0 = setter("i32", 0)
_get_i32_2 = getter("i32", 2)
_put_i32_2 = setter("i32", 2)
_get_i32_4 = getter("i32", 4)
_put_i32_4 = setter("i32", 4)
_get_i32_8 = getter("i32", 8)
_put_i32_8 = setter("i32", 8)
_get_i32_20 = getter("i32", 20)
_put_i32_20 = setter("i32", 20)
_get_i32_24 = getter("i32", 24)
_put_i32_24 = setter("i32", 24)
_get_i32_38 = getter("i32", 38)
_put_i32_38 = setter("i32", 38)
_get_i32_54 = getter("i32", 54)
_put_i32_54 = setter("i32", 54)
_get_i64_0 = getter("i64", 0)
_put_i64_0 = setter("i64", 0)
_get_i64_2 = getter("i64", 2)
_put_i64_2 = setter("i64", 2)
_get_i64_6 = getter("i64", 6)
_put_i64_6 = setter("i64", 6)
_get_i64_8 = getter("i64", 8)
_put_i64_8 = setter("i64", 8)
_get_i64_10 = getter("i64", 10)
_put_i64_10 = setter("i64", 10)
_get_i64_14 = getter("i64", 14)
_put_i64_14 = setter("i64", 14)
_get_i64_16 = getter("i64", 16)
_put_i64_16 = setter("i64", 16)
_get_i64_22 = getter("i64", 22)
_put_i64_22 = setter("i64", 22)
_get_i64_30 = getter("i64", 30)
_put_i64_30 = setter("i64", 30)
_get_i64_38 = getter("i64", 38)
_put_i64_38 = setter("i64", 38)
_get_i64_42 = getter("i64", 42)
_put_i64_42 = setter("i64", 42)
_get_i64_46 = getter("i64", 46)
_put_i64_46 = setter("i64", 46)
_get_i64_50 = getter("i64", 50)
_put_i64_50 = setter("i64", 50)
_get_i64_54 = getter("i64", 54)
_put_i64_54 = setter("i64", 54)
_get_i64_62 = getter("i64", 62)
_put_i64_62 = setter("i64", 62)
_get_i64_70 = getter("i64", 70)
_put_i64_70 = setter("i64", 70)
_get_i64_82 = getter("i64", 82)
_put_i64_82 = setter("i64", 82)
_get_i8_1 = getter("i8", 1)
_put_i8_1 = setter("i8", 1)
_get_i8_22 = getter("i8", 22)
_put_i8_22 = setter("i8", 22)
_get_i8_38 = getter("i8", 38)
_put_i8_38 = setter("i8", 38)
_get_i8_79 = getter("i8", 79)
_put_i8_79 = setter("i8", 79)
_get_u16_0 = getter("u16", 0)
_put_u16_0 = setter("u16", 0)
_get_u16_2 = getter("u16", 2)
_put_u16_2 = setter("u16", 2)
_get_u16_4 = getter("u16", 4)
_put_u16_4 = setter("u16", 4)
_get_u16_6 = getter("u16", 6)
_put_u16_6 = setter("u16", 6)
_get_u16_10 = getter("u16", 10)
_put_u16_10 = setter("u16", 10)
_get_u16_12 = getter("u16", 12)
_put_u16_12 = setter("u16", 12)
_get_u16_16 = getter("u16", 16)
_put_u16_16 = setter("u16", 16)
_get_u16_32 = getter("u16", 32)
_put_u16_32 = setter("u16", 32)
_get_u32_4 = getter("u32", 4)
_put_u32_4 = setter("u32", 4)
_get_u32_6 = getter("u32", 6)
_put_u32_6 = setter("u32", 6)
_get_u32_12 = getter("u32", 12)
_put_u32_12 = setter("u32", 12)
_get_u32_18 = getter("u32", 18)
_put_u32_18 = setter("u32", 18)
_get_u32_28 = getter("u32", 28)
_put_u32_28 = setter("u32", 28)
_get_u32_38 = getter("u32", 38)
_put_u32_38 = setter("u32", 38)
_get_u32_42 = getter("u32", 42)
_put_u32_42 = setter("u32", 42)
_get_u32_54 = getter("u32", 54)
_put_u32_54 = setter("u32", 54)
_get_u32_58 = getter("u32", 58)
_put_u32_58 = setter("u32", 58)
_get_u32_70 = getter("u32", 70)
_put_u32_70 = setter("u32", 70)
_get_u32_74 = getter("u32", 74)
_put_u32_74 = setter("u32", 74)
_get_u32_78 = getter("u32", 78)
_put_u32_78 = setter("u32", 78)
_get_u64_30 = getter("u64", 30)
_put_u64_30 = setter("u64", 30)
_get_u64_46 = getter("u64", 46)
_put_u64_46 = setter("u64", 46)
_get_u8_0 = getter("u8", 0)
_put_u8_0 = setter("u8", 0)
_get_u8_8 = getter("u8", 8)
_put_u8_8 = setter("u8", 8)
_get_u8_18 = getter("u8", 18)
_put_u8_18 = setter("u8", 18)
_get_u8_19 = getter("u8", 19)
_put_u8_19 = setter("u8", 19)
_get_u8_22 = getter("u8", 22)
_put_u8_22 = setter("u8", 22)
_get_u8_30 = getter("u8", 30)
_put_u8_30 = setter("u8", 30)
_get_u8_34 = getter("u8", 34)
_put_u8_34 = setter("u8", 34)
_get_u8_38 = getter("u8", 38)
_put_u8_38 = setter("u8", 38)
_get_u8_39 = getter("u8", 39)
_put_u8_39 = setter("u8", 39)
_get_u8_40 = getter("u8", 40)
_put_u8_40 = setter("u8", 40)
_get_u8_41 = getter("u8", 41)
_put_u8_41 = setter("u8", 41)
_get_u8_58 = getter("u8", 58)
_put_u8_58 = setter("u8", 58)
_get_u8_78 = getter("u8", 78)
_put_u8_78 = setter("u8", 78)
_get_u8_80 = getter("u8", 80)
_put_u8_80 = setter("u8", 80)
_get_u8_81 = getter("u8", 81)
_put_u8_81 = setter("u8", 81)
_get_u8_82 = getter("u8", 82)
_put_u8_82 = setter("u8", 82)

# composite messageHeader
get_messageHeader_blockLength = _get_u16_0
put_messageHeader_blockLength = _put_u16_0
get_messageHeader_templateId = _get_u16_2
put_messageHeader_templateId = _put_u16_2
get_messageHeader_schemaId = _get_u16_4
put_messageHeader_schemaId = _put_u16_4
get_messageHeader_version = _get_u16_6
put_messageHeader_version = _put_u16_6

# composite packetHeader
get_packetHeader_SendingTime = _get_i64_0
put_packetHeader_SendingTime = _put_i64_0
get_packetHeader_SeqNum = _get_i64_8
put_packetHeader_SeqNum = _put_i64_8
get_packetHeader_ChannelId = _get_u16_16
put_packetHeader_ChannelId = _put_u16_16
get_packetHeader_PktFlags = _get_u8_18
put_packetHeader_PktFlags = _put_u8_18
get_packetHeader_MsgCount = _get_u8_19
put_packetHeader_MsgCount = _put_u8_19
get_packetHeader_Epoch = _get_i32_20
put_packetHeader_Epoch = _put_i32_20

# composite frameHeader
get_frameHeader_FrameLength = _get_u16_0
put_frameHeader_FrameLength = _put_u16_0

# composite instrumentHeader
get_instrumentHeader_InstrFlags = _get_u8_0
put_instrumentHeader_InstrFlags = _put_u8_0
get_instrumentHeader_InstrSide = _get_i8_1
put_instrumentHeader_InstrSide = _put_i8_1
get_instrumentHeader_InstrumentId = _get_i32_2
put_instrumentHeader_InstrumentId = _put_i32_2
get_instrumentHeader_InstrSeqNum = _get_u32_6
put_instrumentHeader_InstrSeqNum = _put_u32_6
get_instrumentHeader_TradingSessionDate = _get_u16_10
put_instrumentHeader_TradingSessionDate = _put_u16_10
get_instrumentHeader_Reserved = _get_u16_12
put_instrumentHeader_Reserved = _put_u16_12
get_instrumentHeader_TransactTime = _get_i64_14
put_instrumentHeader_TransactTime = _put_i64_14

# message InstrumentDefinition
get_InstrumentDefinition_InstrFlags = _get_u8_0
put_InstrumentDefinition_InstrFlags = _put_u8_0
get_InstrumentDefinition_InstrSide = _get_i8_1
put_InstrumentDefinition_InstrSide = _put_i8_1
get_InstrumentDefinition_InstrumentId = _get_i32_2
put_InstrumentDefinition_InstrumentId = _put_i32_2
get_InstrumentDefinition_InstrSeqNum = _get_u32_6
put_InstrumentDefinition_InstrSeqNum = _put_u32_6
get_InstrumentDefinition_TradingSessionDate = _get_u16_10
put_InstrumentDefinition_TradingSessionDate = _put_u16_10
get_InstrumentDefinition_Reserved = _get_u16_12
put_InstrumentDefinition_Reserved = _put_u16_12
get_InstrumentDefinition_TransactTime = _get_i64_14
put_InstrumentDefinition_TransactTime = _put_i64_14
get_InstrumentDefinition_MinPriceIncrement = _get_i64_46
put_InstrumentDefinition_MinPriceIncrement = _put_i64_46
get_InstrumentDefinition_LowLimitPrice = _get_i64_54
put_InstrumentDefinition_LowLimitPrice = _put_i64_54
get_InstrumentDefinition_HighLimitPrice = _get_i64_62
put_InstrumentDefinition_HighLimitPrice = _put_i64_62
get_InstrumentDefinition_MinTradeVol = _get_u32_70
put_InstrumentDefinition_MinTradeVol = _put_u32_70
get_InstrumentDefinition_MaxTradeVol = _get_u32_74
put_InstrumentDefinition_MaxTradeVol = _put_u32_74
get_InstrumentDefinition_RoundLot = _get_u32_78
put_InstrumentDefinition_RoundLot = _put_u32_78
get_InstrumentDefinition_TradingStatus = _get_u8_82
put_InstrumentDefinition_TradingStatus = _put_u8_82

# message TradingStatusUpdate
get_TradingStatusUpdate_InstrFlags = _get_u8_0
put_TradingStatusUpdate_InstrFlags = _put_u8_0
get_TradingStatusUpdate_InstrSide = _get_i8_1
put_TradingStatusUpdate_InstrSide = _put_i8_1
get_TradingStatusUpdate_InstrumentId = _get_i32_2
put_TradingStatusUpdate_InstrumentId = _put_i32_2
get_TradingStatusUpdate_InstrSeqNum = _get_u32_6
put_TradingStatusUpdate_InstrSeqNum = _put_u32_6
get_TradingStatusUpdate_TradingSessionDate = _get_u16_10
put_TradingStatusUpdate_TradingSessionDate = _put_u16_10
get_TradingStatusUpdate_Reserved = _get_u16_12
put_TradingStatusUpdate_Reserved = _put_u16_12
get_TradingStatusUpdate_TransactTime = _get_i64_14
put_TradingStatusUpdate_TransactTime = _put_i64_14
get_TradingStatusUpdate_LimitDownPrice = _get_i64_22
put_TradingStatusUpdate_LimitDownPrice = _put_i64_22
get_TradingStatusUpdate_LimitUpPrice = _get_i64_30
put_TradingStatusUpdate_LimitUpPrice = _put_i64_30
get_TradingStatusUpdate_TradingStatus = _get_u8_38
put_TradingStatusUpdate_TradingStatus = _put_u8_38
get_TradingStatusUpdate_ExtReason = _get_u8_39
put_TradingStatusUpdate_ExtReason = _put_u8_39
get_TradingStatusUpdate_ExtSessionSubId = _get_u8_40
put_TradingStatusUpdate_ExtSessionSubId = _put_u8_40
get_TradingStatusUpdate_ExtTradingEvent = _get_u8_41
put_TradingStatusUpdate_ExtTradingEvent = _put_u8_41
get_TradingStatusUpdate_ExtNextTransition = _get_i64_42
put_TradingStatusUpdate_ExtNextTransition = _put_i64_42
get_TradingStatusUpdate_ExtRefPx = _get_i64_50
put_TradingStatusUpdate_ExtRefPx = _put_i64_50

# message OrderPut
get_OrderPut_InstrFlags = _get_u8_0
put_OrderPut_InstrFlags = _put_u8_0
get_OrderPut_InstrSide = _get_i8_1
put_OrderPut_InstrSide = _put_i8_1
get_OrderPut_InstrumentId = _get_i32_2
put_OrderPut_InstrumentId = _put_i32_2
get_OrderPut_InstrSeqNum = _get_u32_6
put_OrderPut_InstrSeqNum = _put_u32_6
get_OrderPut_TradingSessionDate = _get_u16_10
put_OrderPut_TradingSessionDate = _put_u16_10
get_OrderPut_Reserved = _get_u16_12
put_OrderPut_Reserved = _put_u16_12
get_OrderPut_TransactTime = _get_i64_14
put_OrderPut_TransactTime = _put_i64_14
get_OrderPut_OrderId = _get_i64_22
put_OrderPut_OrderId = _put_i64_22
get_OrderPut_Price = _get_i64_30
put_OrderPut_Price = _put_i64_30
get_OrderPut_Quantity = _get_i32_38
put_OrderPut_Quantity = _put_i32_38
get_OrderPut_ExtOrderFlags = _get_u32_42
put_OrderPut_ExtOrderFlags = _put_u32_42
get_OrderPut_ExtPriority = _get_u64_46
put_OrderPut_ExtPriority = _put_u64_46

# message OrderDelete
get_OrderDelete_InstrFlags = _get_u8_0
put_OrderDelete_InstrFlags = _put_u8_0
get_OrderDelete_InstrSide = _get_i8_1
put_OrderDelete_InstrSide = _put_i8_1
get_OrderDelete_InstrumentId = _get_i32_2
put_OrderDelete_InstrumentId = _put_i32_2
get_OrderDelete_InstrSeqNum = _get_u32_6
put_OrderDelete_InstrSeqNum = _put_u32_6
get_OrderDelete_TradingSessionDate = _get_u16_10
put_OrderDelete_TradingSessionDate = _put_u16_10
get_OrderDelete_Reserved = _get_u16_12
put_OrderDelete_Reserved = _put_u16_12
get_OrderDelete_TransactTime = _get_i64_14
put_OrderDelete_TransactTime = _put_i64_14
get_OrderDelete_OrderId = _get_i64_22
put_OrderDelete_OrderId = _put_i64_22

# message Trade
get_Trade_InstrFlags = _get_u8_0
put_Trade_InstrFlags = _put_u8_0
get_Trade_InstrSide = _get_i8_1
put_Trade_InstrSide = _put_i8_1
get_Trade_InstrumentId = _get_i32_2
put_Trade_InstrumentId = _put_i32_2
get_Trade_InstrSeqNum = _get_u32_6
put_Trade_InstrSeqNum = _put_u32_6
get_Trade_TradingSessionDate = _get_u16_10
put_Trade_TradingSessionDate = _put_u16_10
get_Trade_Reserved = _get_u16_12
put_Trade_Reserved = _put_u16_12
get_Trade_TransactTime = _get_i64_14
put_Trade_TransactTime = _put_i64_14
get_Trade_MatchId = _get_i64_22
put_Trade_MatchId = _put_i64_22
get_Trade_BuyOrderId = _get_i64_30
put_Trade_BuyOrderId = _put_i64_30
get_Trade_SellOrderId = _get_i64_38
put_Trade_SellOrderId = _put_i64_38
get_Trade_Price = _get_i64_46
put_Trade_Price = _put_i64_46
get_Trade_Quantity = _get_i32_54
put_Trade_Quantity = _put_i32_54
get_Trade_ExtTradeType = _get_u8_58
put_Trade_ExtTradeType = _put_u8_58

# message TradeAmend
get_TradeAmend_InstrFlags = _get_u8_0
put_TradeAmend_InstrFlags = _put_u8_0
get_TradeAmend_InstrSide = _get_i8_1
put_TradeAmend_InstrSide = _put_i8_1
get_TradeAmend_InstrumentId = _get_i32_2
put_TradeAmend_InstrumentId = _put_i32_2
get_TradeAmend_InstrSeqNum = _get_u32_6
put_TradeAmend_InstrSeqNum = _put_u32_6
get_TradeAmend_TradingSessionDate = _get_u16_10
put_TradeAmend_TradingSessionDate = _put_u16_10
get_TradeAmend_Reserved = _get_u16_12
put_TradeAmend_Reserved = _put_u16_12
get_TradeAmend_TransactTime = _get_i64_14
put_TradeAmend_TransactTime = _put_i64_14
get_TradeAmend_MatchId = _get_i64_22
put_TradeAmend_MatchId = _put_i64_22
get_TradeAmend_BuyOrderId = _get_i64_30
put_TradeAmend_BuyOrderId = _put_i64_30
get_TradeAmend_SellOrderId = _get_i64_38
put_TradeAmend_SellOrderId = _put_i64_38
get_TradeAmend_OldPrice = _get_i64_46
put_TradeAmend_OldPrice = _put_i64_46
get_TradeAmend_NewPrice = _get_i64_54
put_TradeAmend_NewPrice = _put_i64_54

# message TradeBust
get_TradeBust_InstrFlags = _get_u8_0
put_TradeBust_InstrFlags = _put_u8_0
get_TradeBust_InstrSide = _get_i8_1
put_TradeBust_InstrSide = _put_i8_1
get_TradeBust_InstrumentId = _get_i32_2
put_TradeBust_InstrumentId = _put_i32_2
get_TradeBust_InstrSeqNum = _get_u32_6
put_TradeBust_InstrSeqNum = _put_u32_6
get_TradeBust_TradingSessionDate = _get_u16_10
put_TradeBust_TradingSessionDate = _put_u16_10
get_TradeBust_Reserved = _get_u16_12
put_TradeBust_Reserved = _put_u16_12
get_TradeBust_TransactTime = _get_i64_14
put_TradeBust_TransactTime = _put_i64_14
get_TradeBust_MatchId = _get_i64_22
put_TradeBust_MatchId = _put_i64_22
get_TradeBust_BuyOrderId = _get_i64_30
put_TradeBust_BuyOrderId = _put_i64_30
get_TradeBust_SellOrderId = _get_i64_38
put_TradeBust_SellOrderId = _put_i64_38

# message TradeSummary
get_TradeSummary_InstrFlags = _get_u8_0
put_TradeSummary_InstrFlags = _put_u8_0
get_TradeSummary_InstrSide = _get_i8_1
put_TradeSummary_InstrSide = _put_i8_1
get_TradeSummary_InstrumentId = _get_i32_2
put_TradeSummary_InstrumentId = _put_i32_2
get_TradeSummary_InstrSeqNum = _get_u32_6
put_TradeSummary_InstrSeqNum = _put_u32_6
get_TradeSummary_TradingSessionDate = _get_u16_10
put_TradeSummary_TradingSessionDate = _put_u16_10
get_TradeSummary_Reserved = _get_u16_12
put_TradeSummary_Reserved = _put_u16_12
get_TradeSummary_TransactTime = _get_i64_14
put_TradeSummary_TransactTime = _put_i64_14
get_TradeSummary_AggressorOrderId = _get_i64_22
put_TradeSummary_AggressorOrderId = _put_i64_22
get_TradeSummary_AggressorReceiveTime = _get_i64_30
put_TradeSummary_AggressorReceiveTime = _put_i64_30
get_TradeSummary_VwapPrice = _get_i64_38
put_TradeSummary_VwapPrice = _put_i64_38
get_TradeSummary_DeepestPrice = _get_i64_46
put_TradeSummary_DeepestPrice = _put_i64_46
get_TradeSummary_Quantity = _get_i32_54
put_TradeSummary_Quantity = _put_i32_54

# message MarketStat
get_MarketStat_InstrFlags = _get_u8_0
put_MarketStat_InstrFlags = _put_u8_0
get_MarketStat_InstrSide = _get_i8_1
put_MarketStat_InstrSide = _put_i8_1
get_MarketStat_InstrumentId = _get_i32_2
put_MarketStat_InstrumentId = _put_i32_2
get_MarketStat_InstrSeqNum = _get_u32_6
put_MarketStat_InstrSeqNum = _put_u32_6
get_MarketStat_TradingSessionDate = _get_u16_10
put_MarketStat_TradingSessionDate = _put_u16_10
get_MarketStat_Reserved = _get_u16_12
put_MarketStat_Reserved = _put_u16_12
get_MarketStat_TransactTime = _get_i64_14
put_MarketStat_TransactTime = _put_i64_14
get_MarketStat_Price = _get_i64_22
put_MarketStat_Price = _put_i64_22
get_MarketStat_StatType = _get_u8_30
put_MarketStat_StatType = _put_u8_30

# message SnapshotStart
get_SnapshotStart_InstrumentId = _get_i32_0
put_SnapshotStart_InstrumentId = _put_i32_0
get_SnapshotStart_InstrSeqNum = _get_u32_4
put_SnapshotStart_InstrSeqNum = _put_u32_4
get_SnapshotStart_AsOfSequence = _get_i64_8
put_SnapshotStart_AsOfSequence = _put_i64_8
get_SnapshotStart_TransactTime = _get_i64_16
put_SnapshotStart_TransactTime = _put_i64_16
get_SnapshotStart_Epoch = _get_i32_24
put_SnapshotStart_Epoch = _put_i32_24
get_SnapshotStart_EntryCount = _get_u32_28
put_SnapshotStart_EntryCount = _put_u32_28
get_SnapshotStart_TradingSessionDate = _get_u16_32
put_SnapshotStart_TradingSessionDate = _put_u16_32
get_SnapshotStart_TradingStatus = _get_u8_34
put_SnapshotStart_TradingStatus = _put_u8_34

# message OrderSnapshot
get_OrderSnapshot_SnapshotSeqNum = _get_u16_0
put_OrderSnapshot_SnapshotSeqNum = _put_u16_0
get_OrderSnapshot_Quantity = _get_i32_2
put_OrderSnapshot_Quantity = _put_i32_2
get_OrderSnapshot_TransactTime = _get_i64_6
put_OrderSnapshot_TransactTime = _put_i64_6
get_OrderSnapshot_OrderId = _get_i64_14
put_OrderSnapshot_OrderId = _put_i64_14
get_OrderSnapshot_Price = _get_i64_22
put_OrderSnapshot_Price = _put_i64_22
get_OrderSnapshot_ExtPriority = _get_u64_30
put_OrderSnapshot_ExtPriority = _put_u64_30
get_OrderSnapshot_ExtSide = _get_i8_38
put_OrderSnapshot_ExtSide = _put_i8_38

# message SnapshotEnd
get_SnapshotEnd_AsOfSequence = _get_i64_0
put_SnapshotEnd_AsOfSequence = _put_i64_0
get_SnapshotEnd_InstrumentId = _get_i32_8
put_SnapshotEnd_InstrumentId = _put_i32_8
get_SnapshotEnd_EntryCount = _get_u32_12
put_SnapshotEnd_EntryCount = _put_u32_12

# message EndOfCycle
get_EndOfCycle_ActiveInstrumentCount = _get_i32_0
put_EndOfCycle_ActiveInstrumentCount = _put_i32_0
get_EndOfCycle_ExtEpoch = _get_i32_4
put_EndOfCycle_ExtEpoch = _put_i32_4
get_EndOfCycle_ExtAsOfSequence = _get_i64_8
put_EndOfCycle_ExtAsOfSequence = _put_i64_8

# message RetransmitRequest
get_RetransmitRequest_BeginSeqNum = _get_i64_0
put_RetransmitRequest_BeginSeqNum = _put_i64_0
get_RetransmitRequest_MessageCount = _get_u8_8
put_RetransmitRequest_MessageCount = _put_u8_8

# message TopOfBook
get_TopOfBook_InstrFlags = _get_u8_0
put_TopOfBook_InstrFlags = _put_u8_0
get_TopOfBook_InstrSide = _get_i8_1
put_TopOfBook_InstrSide = _put_i8_1
get_TopOfBook_InstrumentId = _get_i32_2
put_TopOfBook_InstrumentId = _put_i32_2
get_TopOfBook_InstrSeqNum = _get_u32_6
put_TopOfBook_InstrSeqNum = _put_u32_6
get_TopOfBook_TradingSessionDate = _get_u16_10
put_TopOfBook_TradingSessionDate = _put_u16_10
get_TopOfBook_Reserved = _get_u16_12
put_TopOfBook_Reserved = _put_u16_12
get_TopOfBook_TransactTime = _get_i64_14
put_TopOfBook_TransactTime = _put_i64_14
get_TopOfBook_BidPx = _get_i64_22
put_TopOfBook_BidPx = _put_i64_22
get_TopOfBook_OfferPx = _get_i64_30
put_TopOfBook_OfferPx = _put_i64_30
get_TopOfBook_BidQty = _get_i64_38
put_TopOfBook_BidQty = _put_i64_38
get_TopOfBook_OfferQty = _get_i64_46
put_TopOfBook_OfferQty = _put_i64_46
get_TopOfBook_BidOrders = _get_u32_54
put_TopOfBook_BidOrders = _put_u32_54
get_TopOfBook_OfferOrders = _get_u32_58
put_TopOfBook_OfferOrders = _put_u32_58

# message PriceLevelUpdate
get_PriceLevelUpdate_InstrFlags = _get_u8_0
put_PriceLevelUpdate_InstrFlags = _put_u8_0
get_PriceLevelUpdate_InstrSide = _get_i8_1
put_PriceLevelUpdate_InstrSide = _put_i8_1
get_PriceLevelUpdate_InstrumentId = _get_i32_2
put_PriceLevelUpdate_InstrumentId = _put_i32_2
get_PriceLevelUpdate_InstrSeqNum = _get_u32_6
put_PriceLevelUpdate_InstrSeqNum = _put_u32_6
get_PriceLevelUpdate_TradingSessionDate = _get_u16_10
put_PriceLevelUpdate_TradingSessionDate = _put_u16_10
get_PriceLevelUpdate_Reserved = _get_u16_12
put_PriceLevelUpdate_Reserved = _put_u16_12
get_PriceLevelUpdate_TransactTime = _get_i64_14
put_PriceLevelUpdate_TransactTime = _put_i64_14
get_PriceLevelUpdate_Price = _get_i64_22
put_PriceLevelUpdate_Price = _put_i64_22
get_PriceLevelUpdate_AggregateQty = _get_i64_30
put_PriceLevelUpdate_AggregateQty = _put_i64_30
get_PriceLevelUpdate_NumberOfOrders = _get_u32_38
put_PriceLevelUpdate_NumberOfOrders = _put_u32_38

# message AuctionUpdate
get_AuctionUpdate_InstrFlags = _get_u8_0
put_AuctionUpdate_InstrFlags = _put_u8_0
get_AuctionUpdate_InstrSide = _get_i8_1
put_AuctionUpdate_InstrSide = _put_i8_1
get_AuctionUpdate_InstrumentId = _get_i32_2
put_AuctionUpdate_InstrumentId = _put_i32_2
get_AuctionUpdate_InstrSeqNum = _get_u32_6
put_AuctionUpdate_InstrSeqNum = _put_u32_6
get_AuctionUpdate_TradingSessionDate = _get_u16_10
put_AuctionUpdate_TradingSessionDate = _put_u16_10
get_AuctionUpdate_Reserved = _get_u16_12
put_AuctionUpdate_Reserved = _put_u16_12
get_AuctionUpdate_TransactTime = _get_i64_14
put_AuctionUpdate_TransactTime = _put_i64_14
get_AuctionUpdate_IndicativePx = _get_i64_22
put_AuctionUpdate_IndicativePx = _put_i64_22
get_AuctionUpdate_PairedQty = _get_i64_30
put_AuctionUpdate_PairedQty = _put_i64_30
get_AuctionUpdate_ImbalanceQty = _get_i64_38
put_AuctionUpdate_ImbalanceQty = _put_i64_38
get_AuctionUpdate_ReferencePx = _get_i64_46
put_AuctionUpdate_ReferencePx = _put_i64_46
get_AuctionUpdate_LowerCollar = _get_i64_54
put_AuctionUpdate_LowerCollar = _put_i64_54
get_AuctionUpdate_UpperCollar = _get_i64_62
put_AuctionUpdate_UpperCollar = _put_i64_62
get_AuctionUpdate_UncrossTime = _get_i64_70
put_AuctionUpdate_UncrossTime = _put_i64_70
get_AuctionUpdate_AuctionType = _get_u8_78
put_AuctionUpdate_AuctionType = _put_u8_78
get_AuctionUpdate_ImbalanceSide = _get_i8_79
put_AuctionUpdate_ImbalanceSide = _put_i8_79
get_AuctionUpdate_ExtensionNumber = _get_u8_80
put_AuctionUpdate_ExtensionNumber = _put_u8_80
get_AuctionUpdate_BookFrozen = _get_u8_81
put_AuctionUpdate_BookFrozen = _put_u8_81
get_AuctionUpdate_FarPx = _get_i64_82
put_AuctionUpdate_FarPx = _put_i64_82

# message SystemEvent
get_SystemEvent_TransactTime = _get_i64_0
put_SystemEvent_TransactTime = _put_i64_0
get_SystemEvent_EventCode = _get_u8_8
put_SystemEvent_EventCode = _put_u8_8

# message BookClear
get_BookClear_InstrFlags = _get_u8_0
put_BookClear_InstrFlags = _put_u8_0
get_BookClear_InstrSide = _get_i8_1
put_BookClear_InstrSide = _put_i8_1
get_BookClear_InstrumentId = _get_i32_2
put_BookClear_InstrumentId = _put_i32_2
get_BookClear_InstrSeqNum = _get_u32_6
put_BookClear_InstrSeqNum = _put_u32_6
get_BookClear_TradingSessionDate = _get_u16_10
put_BookClear_TradingSessionDate = _put_u16_10
get_BookClear_Reserved = _get_u16_12
put_BookClear_Reserved = _put_u16_12
get_BookClear_TransactTime = _get_i64_14
put_BookClear_TransactTime = _put_i64_14
get_BookClear_Reason = _get_u8_22
put_BookClear_Reason = _put_u8_22

# message PriceLevelSnapshot
get_PriceLevelSnapshot_SnapshotSeqNum = _get_u16_0
put_PriceLevelSnapshot_SnapshotSeqNum = _put_u16_0
get_PriceLevelSnapshot_Price = _get_i64_2
put_PriceLevelSnapshot_Price = _put_i64_2
get_PriceLevelSnapshot_AggregateQty = _get_i64_10
put_PriceLevelSnapshot_AggregateQty = _put_i64_10
get_PriceLevelSnapshot_NumberOfOrders = _get_u32_18
put_PriceLevelSnapshot_NumberOfOrders = _put_u32_18
get_PriceLevelSnapshot_InstrSide = _get_i8_22
put_PriceLevelSnapshot_InstrSide = _put_i8_22

# message SnapshotRequest
get_SnapshotRequest_ChannelId = _get_u16_0
put_SnapshotRequest_ChannelId = _put_u16_0
get_SnapshotRequest_Reserved = _get_u16_2
put_SnapshotRequest_Reserved = _put_u16_2
get_SnapshotRequest_InstrumentId = _get_i32_4
put_SnapshotRequest_InstrumentId = _put_i32_4
get_SnapshotRequest_MinimumSequenceNumber = _get_i64_8
put_SnapshotRequest_MinimumSequenceNumber = _put_i64_8
