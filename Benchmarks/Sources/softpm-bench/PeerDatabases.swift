// Peers that are databases, and libpmemobj: the application's state lies in them.

import CLMDB
import CPeers
import CSQLite
import Foundation
import SoftPMBenchmarking

/// Prepared statements, one transaction a commit. Durable: WAL and synchronous=FULL; buffered: WAL
/// without syncing; else a database in memory. The cache holds everything.
final class SQLitePeer: Peer {
  private let path: String
  private var handle: OpaquePointer?
  private var update: OpaquePointer?
  private var begin: OpaquePointer?
  private var finish: OpaquePointer?
  private var isInside = false

  init(_ durability: Durability, _ folder: ScratchFolder, count: Int) throws {
    path = durability == .memory ? ":memory:" : folder.file("sqlite.\(durability)")
    let level = durability == .durable ? "FULL" : "OFF"
    super.init(durability == .durable ? "SQLite, WAL, FULL" : "SQLite", count: count)
    try check(sqlite3_open(path, &handle))
    for statement in [
      "PRAGMA journal_mode=WAL", "PRAGMA synchronous=\(level)", "PRAGMA cache_size=-400000",
      "CREATE TABLE items (key INTEGER PRIMARY KEY, count INTEGER, name TEXT)", "BEGIN",
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(count - 1)) "
        + "INSERT INTO items SELECT i, 0, 'item number ' || i FROM n",
      "COMMIT", "PRAGMA wal_checkpoint(TRUNCATE)",
    ] { try check(sqlite3_exec(handle, statement, nil, nil, nil)) }
    try check(
      sqlite3_prepare_v2(
        handle, "UPDATE items SET count = count + 1 WHERE key = ?1", -1, &update, nil))
    try check(sqlite3_prepare_v2(handle, "BEGIN IMMEDIATE", -1, &begin, nil))
    try check(sqlite3_prepare_v2(handle, "COMMIT", -1, &finish, nil))
  }

  override func apply(_ key: Int) throws {
    if !isInside { try step(begin) }
    isInside = true
    sqlite3_bind_int64(update, 1, Int64(key))
    try step(update)
  }

  override func commit() throws {
    guard isInside else { return }
    try step(finish)
    isInside = false
  }

  override func counts() throws -> [Int] {
    if path != ":memory:" {
      end()
      try check(sqlite3_open(path, &handle))
    }
    var select: OpaquePointer?
    defer { sqlite3_finalize(select) }
    try check(
      sqlite3_prepare_v2(
        handle, "SELECT key, count, name FROM items ORDER BY key", -1, &select, nil))
    let graph = Graph()
    graph.items.reserveCapacity(count)
    while sqlite3_step(select) == SQLITE_ROW {
      let item = Item(Int(sqlite3_column_int64(select, 0)))
      item.count = Int(sqlite3_column_int64(select, 1))
      item.name = String(cString: sqlite3_column_text(select, 2))
      graph.items.append(item)
    }
    return graph.items.map(\.count)
  }

  private func step(_ statement: OpaquePointer?) throws {
    let result = sqlite3_step(statement)
    sqlite3_reset(statement)
    guard result == SQLITE_DONE else { return try check(result) }
  }

  private func check(_ result: Int32) throws {
    guard result == SQLITE_OK else {
      throw BenchmarkFailure("SQLite: \(String(cString: sqlite3_errmsg(handle)))")
    }
  }

  override func end() {
    for statement in [update, begin, finish] { sqlite3_finalize(statement) }
    (update, begin, finish) = (nil, nil, nil)
    sqlite3_close(handle)
    handle = nil
  }

  deinit { end() }
}

/// Integer keys, values of a fixed size. Durable: the default commit; buffered: MDB_NOSYNC.
final class LMDBPeer: Peer {
  private struct Value {
    var count: Int64
    var name: (Int64, Int64, Int64, Int64)
  }
  private let path: String
  private let flags: UInt32
  private var environment: OpaquePointer?
  private var table = MDB_dbi()
  private var transaction: OpaquePointer?

  init(_ durability: Durability, _ folder: ScratchFolder, count: Int) throws {
    path = folder.file("lmdb.\(durability)")
    flags = UInt32(MDB_NOSUBDIR) | (durability == .durable ? 0 : UInt32(MDB_NOSYNC))
    super.init("LMDB", count: count)
    try openEnvironment()
    try begin()
    try check(mdb_dbi_open(transaction, nil, UInt32(MDB_INTEGERKEY), &table))
    for key in 0..<count {
      var value = Value(count: 0, name: (0, 0, 0, 0))
      withUnsafeMutableBytes(of: &value.name) {
        $0.copyBytes(from: "item number \(key)".utf8.prefix(32))
      }
      try put(key, &value, UInt32(MDB_APPEND))
    }
    try commit()
  }

  private func openEnvironment() throws {
    try check(mdb_env_create(&environment))
    try check(mdb_env_set_mapsize(environment, 4 << 30))
    try check(mdb_env_open(environment, path, flags, 0o600))
  }

  private func begin() throws {
    if transaction == nil { try check(mdb_txn_begin(environment, nil, 0, &transaction)) }
  }

  override func apply(_ key: Int) throws {
    try begin()
    var number = key
    var value = try withUnsafeMutableBytes(of: &number) { bytes in
      var key = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
      var found = MDB_val()
      try check(mdb_get(transaction, table, &key, &found))
      return found.mv_data.loadUnaligned(as: Value.self)
    }
    value.count += 1
    try put(key, &value, 0)
  }

  private func put(_ key: Int, _ value: inout Value, _ flags: UInt32) throws {
    var number = key
    try withUnsafeMutableBytes(of: &number) { keyBytes in
      try withUnsafeMutableBytes(of: &value) { valueBytes in
        var key = MDB_val(mv_size: keyBytes.count, mv_data: keyBytes.baseAddress)
        var value = MDB_val(mv_size: valueBytes.count, mv_data: valueBytes.baseAddress)
        try check(mdb_put(transaction, table, &key, &value, flags))
      }
    }
  }

  override func commit() throws {
    guard let ending = transaction else { return }
    transaction = nil
    try check(mdb_txn_commit(ending))
  }

  override func counts() throws -> [Int] {
    mdb_env_close(environment)
    try openEnvironment()
    try begin()
    defer {
      mdb_txn_abort(transaction)
      transaction = nil
    }
    var cursor: OpaquePointer?
    try check(mdb_cursor_open(transaction, table, &cursor))
    defer { mdb_cursor_close(cursor) }
    let graph = Graph()
    graph.items.reserveCapacity(count)
    var key = MDB_val()
    var found = MDB_val()
    while mdb_cursor_get(cursor, &key, &found, MDB_NEXT) == 0 {
      let value = found.mv_data.loadUnaligned(as: Value.self)
      let item = Item(key.mv_data.loadUnaligned(as: Int.self))
      item.count = Int(value.count)
      item.name = withUnsafeBytes(of: value.name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      graph.items.append(item)
    }
    return graph.items.map(\.count)
  }

  private func check(_ result: Int32) throws {
    guard result == 0 else {
      throw BenchmarkFailure("LMDB: \(String(cString: mdb_strerror(result)))")
    }
  }

  override func end() {
    mdb_env_close(environment)
    environment = nil
  }

  deinit { if environment != nil { end() } }
}

/// One transaction a commit, ranges added before they are written. On a file of an ordinary disk
/// libpmemobj calls msync; in memory only, the pool is a file of tmpfs.
final class PoolPeer: Peer {
  private let path: String
  private var pool: OpaquePointer?
  private var keys: [Int64] = []

  init(_ durability: Durability, _ folder: ScratchFolder, count: Int) throws {
    path =
      durability == .memory
      ? "/dev/shm/softpm-bench-\(getpid()).pool" : folder.file("pool.\(durability)")
    unlink(path)
    pool = peers_pool_create(path, count)
    guard let pool else {
      throw BenchmarkFailure("libpmemobj: \(String(cString: peers_pool_error()))")
    }
    let medium =
      peers_pool_is_pmem(pool) != 0
      ? "persistent memory" : durability == .memory ? "msync on tmpfs" : "msync on a file"
    super.init("libpmemobj, \(medium)", count: count)
    if durability == .memory { unlink(path) }
  }

  override func apply(_ key: Int) { keys.append(Int64(key)) }

  override func commit() throws {
    guard peers_pool_update(pool, keys, keys.count) == 0 else {
      throw BenchmarkFailure("libpmemobj: \(String(cString: peers_pool_error()))")
    }
    keys.removeAll(keepingCapacity: true)
  }

  override func counts() throws -> [Int] {
    if access(path, F_OK) == 0 {
      end()
      pool = peers_pool_open(path)
    }
    guard let pool else {
      throw BenchmarkFailure("libpmemobj: \(String(cString: peers_pool_error()))")
    }
    return (0..<peers_pool_size(pool)).map { Int(peers_pool_count(pool, $0)) }
  }

  override func end() {
    peers_pool_close(pool)
    pool = nil
  }

  deinit { end() }
}
