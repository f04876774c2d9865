// Persistence points, waited for by threads and by tasks.

import Containers

func usePoints() async throws {
  let (store, list) = try makeList()
  list.update { $0.push(1) }
  let point = try list.persist()
  use("PersistencePoint") { isSendable(point) }
  use("PersistencePoint.version") {
    let version: VersionID = point.version
    return version == list.version
  }
  use("PersistencePoint.wait()") {
    try point.wait()
    try point.wait()
    return point.isDurable
  }
  use("PersistencePoint.isDurable") {
    let isDurable: Bool = point.isDurable
    return isDurable
  }
  await useInTask("PersistencePoint.durable()") {
    try await point.durable()
    list.update { $0.push(2) }
    let next = try list.persist()
    try await next.durable()
    return next.isDurable
  }
  usePointStatistics(point)
  try store.close()
}

private func usePointStatistics(_ point: PersistencePoint) {
  use("PersistencePoint.statistics") {
    let statistics: PointStatistics = point.statistics
    return isHashable(statistics)
  }
  let statistics = point.statistics
  use("PointStatistics.stall") {
    let stall: Duration = statistics.stall
    return stall > .zero
  }
  use("PointStatistics.collecting") { statistics.collecting >= .zero }
  use("PointStatistics.discovering") { statistics.discovering >= .zero }
  use("PointStatistics.copying") { statistics.copying >= .zero }
  use("PointStatistics.imaging") { statistics.imaging >= .zero }
  use("PointStatistics.writing") { statistics.writing >= .zero }
  use("PointStatistics.flushing") { statistics.flushing >= .zero }
  use("PointStatistics.dirtyChunks") { statistics.dirtyChunks > 0 }
  use("PointStatistics.writtenChunks") { statistics.writtenChunks > 0 }
  use("PointStatistics.writtenBytes") { statistics.writtenBytes > 0 }
  use("PointStatistics.objectsScanned") { statistics.objectsScanned > 0 }
  use("PointStatistics.objectsNew") { statistics.objectsNew > 0 }
  use("PointStatistics.foreignBytes") { statistics.foreignBytes >= 0 }
  use("PointStatistics.flushes") { statistics.flushes == 1 }
}
