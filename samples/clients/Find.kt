// Android with OkHttp: look a JPEG up. Not run here. Call it outside the main thread.
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.MultipartBody
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import org.json.JSONObject

fun find(client: OkHttpClient, server: String, account: String, key: String, photo: ByteArray): String? {
    val form = MultipartBody.Builder().setType(MultipartBody.FORM)
        .addFormDataPart("username", account)
        .addFormDataPart("secretkey", key)
        .addFormDataPart("image", "photo.jpg", photo.toRequestBody("image/jpeg".toMediaType()))
        .build()
    val request = Request.Builder().url("$server/FindImage").post(form).build()
    client.newCall(request).execute().use { answer ->
        val body = JSONObject(answer.body!!.string())
        check(body.getInt("returncode") == 0) { "returncode ${body.getInt("returncode")}" }
        return body.optString("identifier").ifEmpty { null }
    }
}
